"""Messages of the library in the words of the command line: options instead of arguments."""

import re
from collections.abc import Callable, Mapping
from inspect import signature
from shlex import quote
from typing import Any

from typer.models import OptionInfo

_CALLED_OTHERWISE = {
    "n_classes": "--classes",
    "n_bootstrap": "--bootstrap",
    "cost_per_round": "--cost",
    "path": "--output",
}
_VALUE = r"'(?P<text>[^']*)'|(?P<other>[^\s,;:()]*[^\s,;:().])"


def options_of(command: Callable[..., Any]) -> dict[str, str]:
    """Return a command's options by the names that the library has for them.

    Args:
        command: A function with the annotations that Typer reads.
    """
    options = {}
    for name, parameter in signature(command).parameters.items():
        (told,) = getattr(parameter.annotation, "__metadata__", (None,))
        if isinstance(told, OptionInfo):
            declared = [each for each in told.param_decls or () if each.startswith("--")]
            options[name] = (declared or [f"--{name.replace('_', '-')}"])[0].partition("/")[0]
    known = set(options.values())
    return options | {name: option for name, option in _CALLED_OTHERWISE.items() if option in known}


def in_options(message: str, options: Mapping[str, str]) -> str:
    """Return a message with options where it names arguments.

    An argument is named at the beginning (`n_classes must be …`), with a value (`rounds=3`) or by
    a name that is no English word (`cost_per_round`).

    Args:
        message: What the library says.
        options: See `options_of`.
    """
    if not options:
        return message
    names = "|".join(sorted(options, key=len, reverse=True))

    def with_value(match: re.Match[str]) -> str:
        option, value = options[match["name"]], match["text"] or match["other"]
        if value == "None":
            return f"no {option}"
        return f"{option} {quote(value)}" if value else option

    message = re.sub(rf"(?<![\w-])(?P<name>{names})=(?:{_VALUE}|)", with_value, message)
    message = re.sub(rf"^({names})(?= must\b)", lambda match: options[match[1]], message)
    odd = "|".join(name for name in options if "_" in name)
    if odd:
        message = re.sub(rf"(?<![\w-])({odd})(?!\w)", lambda match: options[match[1]], message)
    return message
