"""Which extra to install when an optional package is missing.

The core is small and the rest is opt-in, so "No module named 'torch'" is an error that users will
meet. The dependencies that the installed distribution declares say which extra holds which package.
"""

import re
from importlib.metadata import PackageNotFoundError, requires

DISTRIBUTION = "langchain-markovscale"

_OPTIONAL = re.compile(r"""(?P<package>[\w.-]+).*;.*\bextra\s*==\s*["'](?P<extra>[\w-]+)["']""")


def extra_with(module: str) -> str | None:
    """Return the extra that installs a module.

    Args:
        module: Dotted name of the module, such as `math_verify` or `torch.nn`.

    Returns:
        The extra's name, such as `math`, or None where no extra holds the module.
    """
    try:
        declared = requires(DISTRIBUTION) or ()
    except PackageNotFoundError:
        return None
    package = module.partition(".")[0]
    for requirement in declared:
        optional = _OPTIONAL.match(requirement)
        if optional is None or optional["extra"] == "all":
            continue
        if re.sub(r"[.-]", "_", optional["package"]) == package:
            return optional["extra"]
    return None


def naming_the_extra(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return the same error, with what to install in its message.

    Args:
        error: The error of an import.

    Returns:
        An error that names the extra, or `error` itself where no extra holds the missing module.
    """
    extra = extra_with(error.name or "")
    if extra is None:
        return error
    return ModuleNotFoundError(
        f"The package {error.name!r} is not installed; it comes with an extra: "
        f"pip install '{DISTRIBUTION}[{extra}]'",
        name=error.name,
        path=error.path,
    )
