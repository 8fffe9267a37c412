"""Text out of tokens while they come.

A token is not a piece of text: characters may need several, and a stop string may begin in one
token and end three later. What is read here is settled: it will not change, and it is not the
beginning of a stop string.
"""

from collections.abc import Sequence
from typing import Any

_INCOMPLETE = "\ufffd"


class TextReader:
    """Reads a growing list of tokens as text, up to the first stop string.

    Args:
        tokenizer: The model's tokenizer.
        stop: Strings at which the text ends; none of them becomes part of it.

    Attributes:
        text: What was read so far; what follows `settled` may yet turn out to begin a stop string.
        settled: How many characters of it are final.
        stopped: Whether a stop string was met.
    """

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._context = (
            0  # tokens from here on are decoded again, because spacing depends on what is before
        )
        self._read = 0
        self.text = ""
        self.settled = 0
        self.stopped = False

    @property
    def has_stops(self) -> bool:
        """Whether the text may end at a stop string."""
        return bool(self._stop)

    def read(self, tokens: Sequence[int], *, last: bool = False) -> str:
        """Read on.

        Args:
            tokens: All tokens so far.
            last: Whether no more will come.

        Returns:
            The text that became final by this.
        """
        if not self.stopped:
            self.text += self._decoded(tokens, last=last)
            self._look_for_stop()
        before = self.settled
        final = last or self.stopped
        self.settled = len(self.text) if final else len(self.text) - self._withheld()
        return self.text[before : self.settled]

    def _decoded(self, tokens: Sequence[int], *, last: bool) -> str:
        known = self._decode(tokens[self._context : self._read])
        whole = self._decode(tokens[self._context :])
        if len(whole) <= len(known) or (whole.endswith(_INCOMPLETE) and not last):
            return ""
        self._context, self._read = self._read, len(tokens)
        return whole[len(known) :]

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text

    def _look_for_stop(self) -> None:
        found = [at for stop in self._stop if (at := self.text.find(stop, self.settled)) >= 0]
        if found:
            self.stopped = True
            self.text = self.text[: min(found)]

    def _withheld(self) -> int:
        """Length of the longest end of the text with which a stop string begins."""
        longest = max((len(stop) for stop in self._stop), default=0)
        for length in range(min(longest - 1, len(self.text)), 0, -1):
            if any(stop.startswith(self.text[-length:]) for stop in self._stop):
                return length
        return 0
