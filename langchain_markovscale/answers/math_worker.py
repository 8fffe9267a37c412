r"""Mathematics in a process of its own, where it can be ended (extra `math`).

`\boxed{10^{10^{10}}}` keeps math-verify busy for ever, in code that no exception interrupts, and
off the main thread its own time limits do not work at all. So expressions are read and compared in
a process that is kept warm: it has imported everything, and forks for each request a child that the
system ends when its time is up. Where processes cannot fork, the whole process is ended instead.
"""

import atexit
import contextlib
import importlib.util
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from langchain_markovscale._extras import naming_the_extra

MODULE = "langchain_markovscale.answers.math_worker"
_TO_START = 120.0  # seconds; importing sympy takes some
_MARGIN = 10.0  # seconds for a busy machine, beyond which the whole process is ended
_MOST_MEMORY = 4 << 30  # bytes of address space


class MathWorker:
    """The client of the process; any number of threads may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, seconds: float, **request: Any) -> Any:
        """Return the result of a request, or raise.

        Args:
            seconds: The time that it may take, the start of the process aside.
            request: `do` is the name of a function below, the rest are its arguments.

        Raises:
            TimeoutError: If the time is up, or the memory.
            ModuleNotFoundError: If the extra `math` is not installed.
        """
        line = json.dumps({"seconds": seconds, **request})
        with self._lock:
            reply = self._exchange(self._started(), line, seconds)
        if reply is None or "result" not in reply:
            raise TimeoutError(f"the expression took more than {seconds:g} seconds")
        return reply["result"]

    def start(self) -> None:
        """Begin to start the process, so that the first request finds it warm."""
        with self._lock:
            if self._process is None:
                self._process = _spawn()

    def forget(self) -> None:
        """Forget the process, in a fork of this one, to which it does not belong."""
        self._lock, self._process = threading.Lock(), None

    def stop(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                _end(self._process)
                self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = _spawn()
        return self._process

    def _exchange(
        self, process: subprocess.Popen[str], line: str, seconds: float
    ) -> dict[str, Any] | None:
        assert process.stdin is not None
        assert process.stdout is not None
        new = not hasattr(process, "is_ready")
        limit = seconds + (_MARGIN if hasattr(os, "fork") else 0) + (_TO_START if new else 0)
        ending = threading.Timer(limit, process.kill)
        ending.daemon = True
        ending.start()
        try:
            if new:
                process.stdout.readline()
                process.is_ready = True  # type: ignore[attr-defined]
            process.stdin.write(line + "\n")
            process.stdin.flush()
            reply = process.stdout.readline()
        except (OSError, ValueError):
            reply = ""
        finally:
            ending.cancel()
        if not reply:
            _end(process)
            self._process = None
            return None
        answer: dict[str, Any] = json.loads(reply)
        return answer


def check_installed() -> None:
    """See that math-verify is installed.

    Raises:
        ModuleNotFoundError: If it is not; the message names the extra.
    """
    if importlib.util.find_spec("math_verify") is None:
        raise naming_the_extra(
            ModuleNotFoundError("No module named 'math_verify'", name="math_verify")
        )


def _spawn() -> subprocess.Popen[str]:
    check_installed()
    path = os.pathsep.join(part for part in (str(Path.cwd()), *sys.path) if part)
    return subprocess.Popen(
        [sys.executable, "-m", MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
    )


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()


WORKER = MathWorker()
atexit.register(WORKER.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WORKER.forget)


# ---- In the process


def _read(text: str) -> str | None:
    """Return the canonical form of the expression that a text gives, as LaTeX; None without one."""
    import sympy
    from math_verify import parse

    found = parse(text, parsing_timeout=None)
    if not found:
        return None
    expression = found[0]
    if isinstance(expression, str):
        return expression.strip() or None
    if isinstance(expression, sympy.Equality) and isinstance(expression.lhs, sympy.Symbol):
        expression = expression.rhs
    if isinstance(expression, sympy.Expr):
        expression = sympy.expand(expression)
        if isinstance(expression, sympy.Rational):
            return f"{expression.p}/{expression.q}"
    return str(sympy.latex(expression))


def _same(left: str, right: str) -> bool:
    """Return whether two keys are equal in mathematics, whichever is asked about the other."""
    from math_verify import parse, verify

    first, second = (parse(f"${key}$", parsing_timeout=None) for key in (left, right))
    options = {"timeout_seconds": None}
    return bool(
        first and second and verify(first, second, **options) and verify(second, first, **options)
    )


def _is_expression(text: str) -> bool:
    """Return whether a text gives an expression."""
    from math_verify import parse

    return bool(parse(text, parsing_timeout=None))


def _correct(reference: str, answer: str) -> bool:
    """Return whether an answer is equal to a reference."""
    from math_verify import parse, verify

    wanted, found = (parse(text, parsing_timeout=None) for text in (reference, answer))
    return bool(verify(wanted, found, timeout_seconds=None))


_FUNCTIONS: dict[str, Callable[..., object]] = {
    "read": _read,
    "same": _same,
    "is_expression": _is_expression,
    "correct": _correct,
}


def _answered(line: str, output: TextIO) -> None:
    request = json.loads(line)
    request.pop("seconds")
    try:
        result = _FUNCTIONS[request.pop("do")](**request)
    except (MemoryError, RecursionError):
        reply = "{}"
    except Exception:
        reply = json.dumps({"result": None})
    else:
        reply = json.dumps({"result": result})
    output.write(reply + "\n")
    output.flush()


def serve() -> None:
    """Answer requests, a line of JSON each, until the input ends."""
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    import math_verify
    import sympy

    math_verify.verify(math_verify.parse("$x+1$", parsing_timeout=None), [sympy.Integer(1)])
    output = sys.stdout
    output.write("ready\n")
    output.flush()
    for line in sys.stdin:
        if not hasattr(os, "fork"):
            _answered(line, output)
            continue
        child = os.fork()
        if child == 0:
            _limit_child(json.loads(line)["seconds"])
            _answered(line, output)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            output.write("{}\n")
            output.flush()


def _limit_child(seconds: float) -> None:
    """Let the system end this process after a time, even within code that no signal interrupts."""
    import resource

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, resource.RLIM_INFINITY))
    sys.set_int_max_str_digits(0)


if __name__ == "__main__":
    serve()
