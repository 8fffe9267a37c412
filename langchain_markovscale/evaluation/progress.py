"""A progress bar with the time that is left, where somebody is looking."""

import sys
import threading
from typing import Any

from langchain_markovscale.extras import naming_the_extra


class Progress:
    """Counts attempts on a bar; safe to use from several threads.

    Args:
        show: Whether to show the bar; by default where stderr is a terminal and tqdm is installed
            (extra `cli`).

    Raises:
        ModuleNotFoundError: If the bar is asked for and tqdm is not installed.
    """

    def __init__(self, show: bool | None = None) -> None:
        self._lock = threading.Lock()
        self._make: Any = None
        self._bar: Any = None
        if show or (show is None and sys.stderr.isatty()):
            try:
                from tqdm import tqdm
            except ModuleNotFoundError as error:
                if show:
                    raise naming_the_extra(error) from error
            else:
                self._make = tqdm

    def begin(self, total: int) -> None:
        """Show that so many attempts are to be made."""
        if self._make is not None:
            self._bar = self._make(total=total, desc="recording", unit="attempt", smoothing=0.05)

    def advance(self, attempts: int) -> None:
        """Count attempts that were made."""
        if self._bar is not None and attempts:
            with self._lock:
                self._bar.update(attempts)

    def give_up(self, attempts: int, failed: int) -> None:
        """Take back attempts that will not be made, and say how many questions failed."""
        if self._bar is not None:
            with self._lock:
                self._bar.total -= attempts
                self._bar.set_postfix(failed=failed)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
