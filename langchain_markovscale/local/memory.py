"""How many tokens a model and the memory take, and the errors when they are too many."""

import contextlib
from collections.abc import Iterator
from typing import Any

import psutil
import torch

from langchain_markovscale.local.scheduler import BatchTooLarge

_SHARE = 0.5  # of the free memory, for keys and values


def tokens_that_fit(model: Any) -> float:
    """Return how many tokens' keys and values fit into half of the memory that is free now."""
    config = model.config.get_text_config(decoder=True)
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    per_token = 2 * config.num_hidden_layers * heads * size * model.dtype.itemsize
    return max(1.0, float(_free(model.device) * _SHARE / per_token))


def context_length(model: Any) -> int | None:
    """Return how many tokens a model was made to read, None where it sets no limit."""
    config = model.config.get_text_config(decoder=True)
    length: int | None = getattr(config, "max_position_embeddings", None)
    return length


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return int(psutil.virtual_memory().available)


def check_finite(numbers: torch.Tensor, model: Any) -> None:
    """See that what a model computed are numbers.

    Raises:
        ValueError: If one is NaN or infinite; the message names the model and its number format.
    """
    if bool(torch.isfinite(numbers).all()):
        return
    name = getattr(model, "name_or_path", "") or type(model).__name__
    raise ValueError(
        f"The model {name!r} ({type(model).__name__}) computed NaN or infinity in {model.dtype}: "
        "load it in another number format, such as dtype='float32' or 'bfloat16', and check that "
        "its weights are whole."
    )


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Turn torch's various out-of-memory errors into `BatchTooLarge`."""
    try:
        yield
        return
    except (MemoryError, RuntimeError) as error:
        if not _is_memory_error(error):
            raise
        message = str(error)
    # Raised here, where no traceback holds the tensors of the failed computation any more.
    raise BatchTooLarge(message)


def _is_memory_error(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    message = str(error).lower()
    return "out of memory" in message or "can't allocate memory" in message
