"""How far a recording has come: a bar in a terminal, lines where stderr goes to a file."""

import sys
import threading
from time import monotonic
from typing import Any

from langchain_markovscale._extras import naming_the_extra

_MOST_LINES = 50


class Progress:
    """Counts attempts and questions; safe to use from several threads.

    Args:
        show: Whether to show them on stderr: on a bar if that is a terminal (extra `cli`), else
            in a line for each finished question, or for every few of many. By default only where
            stderr is a terminal and tqdm is installed.

    Raises:
        ModuleNotFoundError: If a bar is asked for and tqdm is not installed.
    """

    def __init__(self, show: bool | None = None) -> None:
        self._lock = threading.Lock()
        self._make: Any = None
        self._bar: Any = None
        is_terminal = sys.stderr.isatty()
        self._lines = bool(show) and not is_terminal
        self._attempts = self._questions = self._all_questions = 0
        self._all_attempts: int | None = None
        self._failed = 0
        self._began = monotonic()
        if is_terminal and show is not False:
            try:
                from tqdm import tqdm
            except ModuleNotFoundError as error:
                if show:
                    raise naming_the_extra(error) from error
            else:
                self._make = tqdm

    def begin(self, attempts: int | None, questions: int) -> None:
        """Show that so many attempts are to be made at so many questions.

        Args:
            attempts: How many; None where a loop of one's own decides that.
            questions: How many.
        """
        self._all_attempts, self._all_questions = attempts, questions
        if self._make is not None:
            self._bar = self._make(total=attempts, desc="recording", unit="attempt", smoothing=0.05)

    def advance(self, attempts: int) -> None:
        """Count attempts that were made."""
        with self._lock:
            self._attempts += attempts
            if self._bar is not None and attempts:
                self._bar.update(attempts)

    def finished(self) -> None:
        """Count a question to which nothing more will come."""
        with self._lock:
            self._questions += 1
            every = -(-self._all_questions // _MOST_LINES)
            last = self._questions == self._all_questions
            if self._lines and (last or self._questions % every == 0):
                self._write_line()

    def give_up(self, attempts: int, failed: int) -> None:
        """Take off attempts that will not be made, and show how many questions failed."""
        with self._lock:
            self._failed = failed
            if self._all_attempts is not None:
                self._all_attempts -= attempts
            if self._bar is not None:
                self._bar.total = self._all_attempts
                self._bar.set_postfix(failed=failed)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()

    def _write_line(self) -> None:
        failed = f", {self._failed} failed" if self._failed else ""
        of_all = "" if self._all_attempts is None else f"/{self._all_attempts}"
        sys.stderr.write(
            f"recording: {self._questions}/{self._all_questions} questions{failed}, "
            f"{self._attempts}{of_all} attempts, {monotonic() - self._began:.0f} s\n"
        )
        sys.stderr.flush()
