"""Loading without clutter: a bar that counts tensors tells a user of chains and graphs nothing.

The library can switch all of its bars off, for good and for the whole program. That would be too
much: the bar of a download is worth having, and settings are the user's.
"""

import contextlib
import functools
import importlib
import threading
from collections.abc import Iterator
from typing import Any

_COUNTING = (
    "transformers.core_model_loading",
    "transformers.modeling_gguf_pytorch_utils",
    "transformers.utils.logging",
)

_one_at_a_time = threading.Lock()  # each puts back what it found


@contextlib.contextmanager
def without_loading_bars() -> Iterator[None]:
    """Hide the bars with which transformers counts tensors; those of downloads stay."""
    with _one_at_a_time, contextlib.ExitStack() as restored:
        for name in _COUNTING:
            with contextlib.suppress(ImportError, AttributeError):  # another version of it
                module: Any = importlib.import_module(name)
                shown = module.tqdm
                restored.callback(setattr, module, "tqdm", shown)
                module.tqdm = functools.partial(shown, disable=True)
        yield
