"""Chat models, given as objects or by name."""

from typing import Any

from langchain_core.runnables import Runnable

from langchain_markovscale._extras import naming_the_extra


def resolve_model(model: object) -> Runnable[Any, Any]:
    """Turn what a user gives for a model into a Runnable.

    Args:
        model: A chat model or any Runnable (kept as it is), or a name for LangChain's
            `init_chat_model`, such as `openai:gpt-5`.

    Returns:
        The model.

    Raises:
        TypeError: If the model is of no accepted type.
        ModuleNotFoundError: If it is a name and the package `langchain` is not installed.
    """
    if isinstance(model, Runnable):
        return model
    if not isinstance(model, str):
        raise TypeError(
            "model must be a chat model, a Runnable from messages to a message, or a name such as "
            f"'openai:gpt-5', got {type(model).__name__}."
        )
    try:
        from langchain.chat_models import init_chat_model
    except ModuleNotFoundError as error:
        raise naming_the_extra(error) from error
    named: Runnable[Any, Any] = init_chat_model(model)
    return named
