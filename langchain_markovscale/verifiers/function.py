"""Verify-proxies that are plain functions: a unit test, a checksum, a parser, a rule."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.config import run_in_executor

from langchain_markovscale._text import harmless
from langchain_markovscale.types import VerifierInput
from langchain_markovscale.verifiers.base import Verifier
from langchain_markovscale.verifiers.evaluators import EvaluatorVerifier, is_evaluator

_NAMES = ("question", "answer", "key", "context", "messages", "answer_object")
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_BY_PLACE = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class FunctionVerifier(Verifier):
    """A function as a verifier.

    The function gets those of `question`, `answer`, `key`, `context`, `messages` (the conversation
    as the model saw it) and `answer_object` (a typed answer as plain JSON) that its parameters
    name, None where there is none; a function of one parameter of another name gets the whole
    `VerifierInput`. It returns a bool, a score in
    [0, 1], None, `(score, feedback)`, or a dict with these (see `to_verdict`); errors that it
    raises are not caught.

    A function asks no model: unless it returns a usage of its own, it counts as one call of no
    tokens.

    Args:
        func: The function. With an async one, `invoke` is an error and `ainvoke` works.
        afunc: An async function for `ainvoke`, beside a sync `func`.
        name: The name that traces and errors show; the function's if None.
        exact: Whether True or 1.0 means right and anything less wrong: .8 of the tests is then a
            rejection, and only says which draft is nearer. A loop with it ends at the first full
            score. It is exact for what it checks: tests that it does not run may still fail.
        blocking: Whether `func` waits (network, subprocess) or computes for long. If so, it runs
            in LangChain's thread pool under `ainvoke`; otherwise in place, because a change of
            threads costs more than a quick check.

    Raises:
        TypeError: If `func` is not callable, or has parameters that a verifier has no values for.
    """

    asks_model = False

    def __init__(
        self,
        func: Callable[..., Any],
        afunc: Callable[..., Awaitable[Any]] | None = None,
        *,
        name: str | None = None,
        blocking: bool = False,
        exact: bool = False,
    ) -> None:
        if not callable(func):
            raise TypeError(f"func must be a function, got {type(func).__name__}.")
        own_name = getattr(func, "__name__", type(func).__name__)
        super().__init__(name=name or (own_name if own_name.isidentifier() else None))
        self.func = func
        self.afunc = func if afunc is None and _is_async(func) else afunc
        self.blocking, self.exact = blocking, exact
        self._call = _by_parameters(func)
        self._acall = None if self.afunc is None else _by_parameters(self.afunc)
        if _is_async(func) and afunc is not None:
            raise TypeError(
                f"func and afunc of {self.get_name()} are two async functions: make func sync, or "
                "leave afunc out."
            )

    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> object:
        """Call the function."""
        returned = None if self.func is self.afunc else self._call(given, **kwargs)
        if self.func is self.afunc or inspect.isawaitable(returned):
            if inspect.iscoroutine(returned):
                returned.close()
            raise TypeError(
                f"The verifier {self.get_name()} is async: use ainvoke, "
                "or give FunctionVerifier a sync func, and this one as afunc."
            )
        return returned

    async def averify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> object:
        """Await the async function; without one call the function, in a thread if it blocks."""
        if self._acall is not None:
            returned = self._acall(given, **kwargs)
        elif self.blocking:
            returned = await run_in_executor(config, self._call, given, **kwargs)
        else:
            returned = self._call(given, **kwargs)
        return await returned if inspect.isawaitable(returned) else returned

    def __repr__(self) -> str:
        return harmless(f"FunctionVerifier({self.get_name()})")


def _is_async(func: Callable[..., Any]) -> bool:
    called = getattr(func, "__call__", None)  # noqa: B004 - of an object that can be called
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(called)


def _by_parameters(func: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a `VerifierInput` that passes what the parameters name."""
    try:
        parameters = list(inspect.signature(func).parameters.values())
    except ValueError:  # some builtins have no signature
        parameters = [inspect.Parameter("given", inspect.Parameter.POSITIONAL_ONLY)]
    fixed = func.keywords if isinstance(func, functools.partial) else {}
    names = [name for name in _NAMES if name not in fixed]
    named = [p.name for p in parameters if p.name in names and p.kind in _BY_NAME]
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        named = names
    others = [p for p in parameters if p.kind not in _VARIADIC and p.name not in named]
    required = [p for p in others if p.default is p.empty]
    if named and not required:
        return lambda given, **kwargs: func(**{name: given.get(name) for name in named}, **kwargs)
    whole = required or others
    if not named and len(whole) == 1 and whole[0].kind in _BY_PLACE:
        return func
    raise TypeError(
        f"The verifier function {getattr(func, '__name__', func)!r} has the parameters "
        f"({', '.join(map(str, parameters))}): it must take some of {', '.join(_NAMES)} by these "
        "names, or one parameter for the dict of all."
    )


def is_exact(verifier: object) -> bool:
    """Return whether a verifier's full score means right, also behind retries and the like."""
    return bool(getattr(unbound(verifier), "exact", False))


def unbound(verifier: object) -> object:
    """Return a verifier without what is bound to it, such as retries."""
    while isinstance(verifier, RunnableBindingBase):
        verifier = verifier.bound
    return verifier


def as_verifier(verifier: object) -> Runnable[VerifierInput, Any] | None:
    """Turn what a user gives for a verifier into a Runnable.

    Args:
        verifier: A Runnable from `VerifierInput` (kept as it is), a function (becomes a
            `FunctionVerifier`), an evaluator of openevals, LangSmith, ragas or deepeval (becomes
            an `EvaluatorVerifier`), or None.

    Returns:
        The Runnable, or None.

    Raises:
        TypeError: If the verifier is of no accepted type, a chat model, which returns text and
            not a score, or an evaluator that needs a reference answer.
    """
    if verifier is None:
        return None
    if isinstance(verifier, Runnable):
        if hasattr(verifier, "generate_prompt"):  # what only LangChain's models have
            raise TypeError(
                f"verifier must return a score, and {type(verifier).__name__} is a model that "
                "returns text: give JudgeVerifier(model), which reads a score from it."
            )
        return verifier
    if is_evaluator(verifier):
        return EvaluatorVerifier(verifier)
    if callable(verifier):
        return FunctionVerifier(verifier)
    raise TypeError(
        "verifier must be a Runnable, a function of question, answer and key, an evaluator of "
        "openevals, LangSmith, ragas or deepeval, or None, "
        f"got {type(verifier).__name__}."
    )
