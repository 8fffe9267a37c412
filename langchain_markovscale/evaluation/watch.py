"""What makes a recording useless, said early, while little of it is paid for."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

logger = logging.getLogger(__name__)

_ENOUGH_TO_TELL = 10  # questions


class Watch:
    """Looks at each question that is finished.

    Args:
        verifier: What warnings call the verifier, where its name is known.
    """

    def __init__(self, verifier: str | None = None) -> None:
        self._verifier = "the verifier" if verifier is None else f"the verifier {verifier}"
        self._seen = self._alike = self._scored = self._verified = 0

    @property
    def trouble(self) -> str | None:
        """What to say of a verifier that was asked and has scored nothing at all."""
        if not self._verified or self._scored:
            return None
        return (
            f"No attempt has a score: in what {self._verifier} replied none could be read. A "
            "calibration learns nothing about it: give another verifier, such as a larger model "
            "or a function."
        )

    def look(self, attempts: Sequence[Mapping[str, Any]], verified: bool) -> None:
        """Look at the attempts at a finished question.

        Args:
            attempts: All of them.
            verified: Whether a verifier was asked about them.
        """
        self._seen += 1
        self._verified += verified
        self._scored += sum(attempt["score"] is not None for attempt in attempts)
        if self._seen == 1 and self.trouble is not None:
            logger.warning("The first question is finished. %s", self.trouble)
        draws = [attempt["text"] for attempt in attempts if attempt["parent"] is None]
        self._alike += len(draws) > 1 and len(set(draws)) == 1
        if self._seen == self._alike == _ENOUGH_TO_TELL:
            logger.warning(
                "The fresh starts of each of the first %d questions are word for word the same: "
                "is the temperature 0, the seed fixed, or does a cache answer? Equal draws say "
                "nothing about how questions differ.",
                _ENOUGH_TO_TELL,
            )
