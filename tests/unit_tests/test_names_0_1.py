"""The names of version 0.1 are there, and take what they took, wherever their files lie by now."""

import importlib
import re
import sys
import warnings
from dataclasses import fields, is_dataclass
from inspect import Parameter, signature
from typing import Any

import pytest
from typed_in_0_1 import PATHS, PUBLIC_NAMES, as_it_was_typed, warnings_due

import langchain_markovscale


@pytest.mark.parametrize("module", PATHS)
def test_a_module_that_users_name_is_there(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = importlib.import_module(module)
    # A module warns once, when it is imported for the first time: so it is forgotten here.
    folder, _, name = module.rpartition(".")
    monkeypatch.setattr(sys.modules[folder], name, known)
    monkeypatch.delitem(sys.modules, module)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        place = importlib.import_module(module)
        found = {name: getattr(place, name) for name in PATHS[module]}
    assert place is not known
    for name in set(found) & set(langchain_markovscale.__all__):
        assert found[name] is getattr(langchain_markovscale, name), name
    ours = [str(each.message) for each in caught if issubclass(each.category, DeprecationWarning)]
    told, due = [each for each in ours if "markovscale" in each], warnings_due(f"import {module}")
    assert all(any(re.search(message, each) for each in told) for message in due)
    assert all(any(re.search(message, each) for message in due) for each in told)


# The public names.


def public(name: str) -> Any:
    with as_it_was_typed(f"from langchain_markovscale import {name}"):
        return getattr(langchain_markovscale, name)


# Of parameters that mean what they meant, and are taken under both names.
FORMER_NAMES = {"value_of_right_answer": "right_answer"}


def takes_what_it_took(function: Any, parameters: list[tuple[str, str, bool]]) -> None:
    """See that every call that was right is right, and that positions mean what they meant.

    Args:
        function: What is called.
        parameters: Name, kind, and whether there was a default.
    """
    now = signature(function)
    positional = [name for name, kind, _ in parameters if kind == "POSITIONAL_OR_KEYWORD"]
    keyword_only = [name for name, kind, _ in parameters if kind == "KEYWORD_ONLY"]
    required = [
        name for name, kind, default in parameters if not (default or kind.startswith("VAR_"))
    ]
    kinds = {parameter.kind.name for parameter in now.parameters.values()}
    if "VAR_KEYWORD" in kinds:  # takes the name of a positional-only parameter, too
        now = now.replace(
            parameters=[
                each.replace(kind=Parameter.POSITIONAL_OR_KEYWORD)
                if each.kind is Parameter.POSITIONAL_ONLY
                else each
                for each in now.parameters.values()
            ]
        )
    now.bind(**dict.fromkeys(required))
    now.bind(**dict.fromkeys([*positional, *keyword_only]))
    bound = now.bind(*positional, **dict.fromkeys({*required} - {*positional}))
    for name, value in bound.arguments.items():
        if now.parameters[name].kind is Parameter.POSITIONAL_OR_KEYWORD:
            assert value in (name, FORMER_NAMES.get(name), None)
    assert {kind for _, kind, _ in parameters if kind.startswith("VAR_")} <= kinds


def test_every_public_name_is_listed_or_deprecated() -> None:
    missing = set(PUBLIC_NAMES) - set(langchain_markovscale.__all__)
    assert all(warnings_due(f"from langchain_markovscale import {name}") for name in missing)


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_a_public_name_takes_what_it_took(name: str) -> None:
    then, now = PUBLIC_NAMES[name], public(name)
    assert set(then.get("keys", [])) <= set(getattr(now, "__annotations__", []))
    if "parameters" in then:
        takes_what_it_took(now, then["parameters"])


MEMBERS = [
    (name, member) for name, then in PUBLIC_NAMES.items() for member in then.get("members", [])
]


@pytest.mark.parametrize(("name", "member"), MEMBERS)
def test_a_member_of_a_public_class_is_there(name: str, member: str) -> None:
    found, then = getattr(public(name), member), PUBLIC_NAMES[name]["members"][member]
    if then is not None:
        takes_what_it_took(found, then)


@pytest.mark.parametrize("name", [name for name, then in PUBLIC_NAMES.items() if "fields" in then])
def test_a_field_of_a_public_class_is_there(name: str) -> None:
    kind = public(name)
    now = {each.name for each in fields(kind)} if is_dataclass(kind) else set()
    assert {each for each in PUBLIC_NAMES[name]["fields"] if not hasattr(kind, each)} <= now
