"""GGUF files unpacked once: what came out is kept, and the next program starts at once.

Reading a GGUF file takes the library half a minute even for a small model, most of it for the
vocabulary; reading the unpacked model takes less than a second.
"""

import contextlib
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import transformers
from huggingface_hub import constants

LARGEST = 2**30
"""Bytes of weights up to which a model is kept: small ones are started often, and disks fill up."""


def folder_for(file: Path, dtype: Any) -> Path:
    """Return where an unpacked GGUF file is kept, whether it is there yet or not.

    Args:
        file: The GGUF file.
        dtype: The number format that it is unpacked to.

    Returns:
        A folder under ``HF_HOME``; another one where the file, the format or transformers' version
        is another.
    """
    state = file.stat()
    facts = (file.resolve(), state.st_size, state.st_mtime_ns, dtype, transformers.__version__)
    digest = hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()
    return Path(constants.HF_HOME) / "markovscale" / f"{file.stem}-{digest[:16]}"


def keep(folder: Path, model: Any, tokenizer: Any) -> None:
    """Keep a model with its tokenizer, unless it is large or the disk is full or closed to us."""
    if sum(weights.nbytes for weights in model.parameters()) > LARGEST:
        return
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as elsewhere:
            whole = Path(elsewhere, "model")
            model.save_pretrained(whole)
            tokenizer.save_pretrained(whole)
            whole.rename(folder)  # at once, so that nobody finds half a model
