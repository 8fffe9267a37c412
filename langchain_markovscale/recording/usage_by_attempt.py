"""Which attempt of somebody else's loop its model calls belong to, and what they were for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import count, groupby
from typing import NamedTuple

from langchain_markovscale.recording.call_log import ModelCall
from langchain_markovscale.traces.trace import LabelledAttempt
from langchain_markovscale.traces.usage import AttemptUsage, add_timed
from langchain_markovscale.types import Attempt, Purpose, add_usage


class _Step(NamedTuple):
    """A node of a graph that wrote a draft or called a model, or a single call."""

    calls: list[ModelCall]
    seconds: float
    drafted: bool = False


@dataclass
class UsageByAttempt:
    """What a run took, told apart by what wrote its drafts.

    In a graph a node that writes a draft makes an attempt; one that writes none prepares the first,
    or verifies the latest. Elsewhere the same holds for single calls of models, of which those make
    an attempt whose reply is the draft, word for word.

    Attributes:
        calls: Its model calls, in the order in which they began.
    """

    calls: list[ModelCall] = field(default_factory=list)
    _nodes: list[_Step] = field(default_factory=list)
    _for_next: list[_Step] = field(default_factory=list)
    _failed: dict[str, list[ModelCall]] = field(default_factory=dict)

    def add_failed(self, node: str, calls: list[ModelCall]) -> None:
        """Add the calls of a node that failed, which count with its next try."""
        self._failed[node] = self._failed.get(node, []) + calls

    def add_node(
        self, node: str, calls: list[ModelCall], seconds: float, *, drafted: bool, for_next: bool
    ) -> None:
        """Add a node that has ended.

        Args:
            node: Its name.
            calls: Its model calls.
            seconds: How long it took.
            drafted: Whether it wrote a draft.
            for_next: Whether it prepares the next draft, as calls of tools do.
        """
        calls = self._failed.pop(node, []) + calls
        self.calls += calls
        if for_next:
            self._for_next.append(_Step(calls, seconds))
        elif drafted:
            for step in self._for_next:
                calls, seconds = step.calls + calls, step.seconds + seconds
            self._nodes.append(_Step(calls, seconds, drafted))
            self._for_next = []
        elif calls:
            self._nodes.append(_Step(calls, seconds))

    def added_to(self, attempts: list[LabelledAttempt]) -> list[LabelledAttempt]:
        """Return attempts with what they took; as they are where that cannot be told apart."""
        numbers = count()
        steps = self._nodes
        makes = [next(numbers) if step.drafted else None for step in steps]
        if not _is_each_made(makes, attempts):
            steps = [_Step([call], call.seconds) for call in self.calls]
            makes = _made_by_calls(self.calls, attempts)
        if not _is_each_made(makes, attempts):
            return attempts
        spent: list[AttemptUsage] = [{} for _ in attempts]
        for step, (at, verifies) in zip(steps, _purposes(makes), strict=True):
            purpose: Purpose = "verify" if verifies else attempts[at]["action"]
            if step.calls:
                usage = reduce(add_usage, (call.usage for call in step.calls))
                spent[at][purpose] = add_timed(spent[at].get(purpose), usage, step.seconds)
        return [
            {**each, "usage": usage} if each["action"] in usage else each
            for each, usage in zip(attempts, spent, strict=True)
        ]


def _made_by_calls(calls: Sequence[ModelCall], attempts: Sequence[Attempt]) -> list[int | None]:
    """Return which attempt each call made: that which repeats its reply, word for word.

    Where that tells it of none, and there are as many calls as attempts, each call made one.
    """
    left = {number: attempt["text"].strip() for number, attempt in enumerate(attempts)}
    makes: list[int | None] = []
    for call in calls:
        reply = (call.reply or "").strip()
        made = next((number for number, text in left.items() if text and text == reply), None)
        if made is not None:
            del left[made]
        makes.append(made)
    return [*range(len(calls))] if len(left) == len(attempts) == len(calls) else makes


def _is_each_made(makes: Sequence[int | None], attempts: Sequence[Attempt]) -> bool:
    return sum(made is not None for made in makes) == len(attempts)


def _purposes(makes: Sequence[int | None]) -> Iterator[tuple[int, bool]]:
    """Yield the attempt that each step is for, and whether it verifies that.

    One that makes none prepares the first, or verifies the latest. Where several were made at once,
    as many or twice as many steps verify one or two each of them; another number verifies the last.
    """
    latest: list[int] = []
    for drafted, group in groupby(makes, key=lambda made: made is not None):
        several = list(group)
        if drafted:
            latest = [made for made in several if made is not None]
            yield from ((made, False) for made in latest)
        elif not latest:
            yield from [(0, False)] * len(several)
        else:
            each, over = divmod(len(several), len(latest))
            places = [-1 if over else number // each for number in range(len(several))]
            yield from ((latest[place], True) for place in places)
