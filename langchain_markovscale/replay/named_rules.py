"""Rules by the names that people give them: "3 rounds", "best of 5", "self-consistency 8".

Each name leads to one of the rules of `replay/strategies.py`, under the name that it has among the
rules to beat.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.replay.replay import Strategy
from langchain_markovscale.replay.strategies import (
    AdaptiveConsistency,
    BestOfN,
    CriticSilent,
    EarlyStoppingSelfConsistency,
    FixedRounds,
    FixedRoundsBestScore,
    RestartUntilAccepted,
    RevisedAsRecorded,
    ScoreThreshold,
    SelfConsistency,
    SinglePass,
    UntilUnchanged,
)
from langchain_markovscale.types import ArgumentError

Make = Callable[[float], Strategy]
"""Makes a rule from the score from which an answer is accepted."""


class NamedRule(NamedTuple):
    """A rule that somebody uses today.

    Attributes:
        name: What it is called among the rules to beat.
        make: Makes it.
        revises: Attempts in a chain of revisions that it may ask for; 1 for a rule that draws.
        draws: Fresh draws that it may ask for; 1 for a rule that revises.
        scored: Whether it looks at scores.
        keyed: Whether it compares answers.
        open_ended: Whether it finds its own number of attempts, and makes do with fewer.
    """

    name: str
    make: Make
    revises: int = 1
    draws: int = 1
    scored: bool = False
    keyed: bool = False
    open_ended: bool = False

    def check(self, pool: Pool) -> None:
        """Refuse a rule that the recorded attempts cannot tell of.

        Raises:
            ValueError: If the pool has too few attempts, or not the scores or keys it looks at.
        """
        problem = next(self._problems(pool), None)
        if problem:
            raise ArgumentError("mine", f"{self.name!r} cannot be replayed: {problem}.")

    def _problems(self, pool: Pool) -> Iterator[str]:
        if self.scored and not pool.scored:
            yield "it looks at scores, and no attempt has one: record with a verifier"
        if self.keyed and not pool.keyed:
            yield "it compares answers, and no answer has a key: record with an answer key"
        if self.revises > pool.longest_chain and not (self.open_ended and pool.longest_chain > 1):
            yield (
                f"it makes up to {self.revises - 1} revisions of an answer, and "
                f"{pool.longest_chain - 1} were recorded at most: record with revisions="
                f"{self.revises - 1}, or name a shorter rule"
            )
        if self.draws > pool.most_draws and not (self.open_ended and pool.most_draws > 1):
            yield (
                f"it draws up to {self.draws} fresh answers, and {pool.most_draws} were recorded "
                f"at most: record with fresh_starts={self.draws}, or name a shorter rule"
            )


_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = {word: str(number) for number, word in enumerate(_NUMBERS)}
_MOST = 8  # attempts of a rule that stops by itself, where nobody says how many


def _rounds(n: int) -> NamedRule:
    if n <= 1:
        return NamedRule("single pass", lambda _: SinglePass())
    return NamedRule(f"{n} rounds, last answer", lambda _: FixedRounds(n), revises=n)


def _rounds_best_score(n: int) -> NamedRule:
    if n <= 1:
        return _rounds(n)
    name = f"{n} rounds, best score"
    return NamedRule(name, lambda _: FixedRoundsBestScore(n), revises=n, scored=True)


def _consistency(n: int) -> NamedRule:
    name = f"self-consistency of {n}"
    return NamedRule(name, lambda _: SelfConsistency(n), draws=n, keyed=True)


def _best_of(n: int) -> NamedRule:
    return NamedRule(f"best of {n} by score", lambda _: BestOfN(n), draws=n, scored=True)


def _until_accepted(n: int) -> NamedRule:
    return NamedRule(
        f"revise until accepted, {n}",
        lambda threshold: ScoreThreshold(threshold, n),
        revises=n,
        scored=True,
        open_ended=True,
    )


def _until_unchanged(n: int) -> NamedRule:
    name = f"revise until unchanged, {n}"
    return NamedRule(name, lambda _: UntilUnchanged(n), revises=n, keyed=True, open_ended=True)


def _until_silent(n: int) -> NamedRule:
    name = f"until critic is silent, {n}"
    return NamedRule(name, lambda threshold: CriticSilent(threshold, n), revises=n, open_ended=True)


def _restart(n: int) -> NamedRule:
    return NamedRule(
        f"restart until accepted, {n}",
        lambda threshold: RestartUntilAccepted(threshold, n),
        draws=n,
        scored=True,
        open_ended=True,
    )


def _stopping(
    name: str, rule: Callable[..., EarlyStoppingSelfConsistency | AdaptiveConsistency]
) -> Callable[[int], NamedRule]:
    """Return what makes a rule that draws until the votes are clear."""

    def named(n: int) -> NamedRule:
        called = name if n == _MOST else f"{name}, {n}"
        return NamedRule(called, lambda _: rule(draws=n), draws=n, keyed=True, open_ended=True)

    return named


_KEEP = r",?\s*(?:(?:return|keep|take|and)\s+)*(?:the\s+)?"
_LAST = rf"(?:{_KEEP}last(?:\s+(?:answer|one|draft))?)?"
_BEST = rf"{_KEEP}(?:best|highest)(?:[\s-]+(?:scored?|answer|one|draft))*"
_N = r"(?P<n>[1-9]\d{0,3})"
_ROUNDS = rf"{_N}\s+(?:fixed\s+)?(?:rounds?|attempts?|iterations?|passes)"
_REVISIONS = r"(?P<n>\d{1,4})\s+(?:revisions?|reflections?)"
_UP_TO = (
    rf"(?:,?\s*(?:of\s+|at\s+most\s+|up\s+to\s+|max\s+)?{_N}(?:\s+(?:rounds|times|attempts))?)?"
)
_ONCE = r"(?:single|one|1)[\s-]+(?:pass|shot|answer|call)|no\s+(?:loop|revisions?)"
_VOTE = (
    r"(?:self[\s-]*consistency|sc|maj(?:ority)?(?:\s+vot(?:e|ing))?|vot(?:e|ing))"
    rf"(?:\s*@|\s+of|\s+over)?[\s-]*{_N}(?:\s+(?:answers|samples|draws))?"
)

_PATTERNS: tuple[tuple[str, Callable[[int], NamedRule]], ...] = (
    (_ONCE, lambda _: _rounds(1)),
    (_ROUNDS + _LAST, _rounds),
    (_ROUNDS + _BEST, _rounds_best_score),
    (_REVISIONS + _LAST, lambda n: _rounds(n + 1)),
    (_REVISIONS + _BEST, lambda n: _rounds_best_score(n + 1)),
    (rf"best[\s-]+of[\s-]+{_N}(?:,?\s*by\s+scores?)?", _best_of),
    (_VOTE, _consistency),
    (rf"(?:revise\s+)?until\s+(?:it\s+is\s+)?accepted{_UP_TO}", _until_accepted),
    (
        rf"(?:revise\s+)?until\s+(?:it\s+is\s+)?(?:unchanged|nothing\s+changes){_UP_TO}",
        _until_unchanged,
    ),
    (rf"(?:revise\s+)?until\s+(?:the\s+)?critic\s+is\s+silent{_UP_TO}", _until_silent),
    (rf"(?:restart|retry|redraw)\s+until\s+(?:it\s+is\s+)?accepted{_UP_TO}", _restart),
    (
        rf"early[\s-]+stopping\s+(?:self[\s-]*)?consistency{_UP_TO}",
        _stopping("early-stopping consistency", EarlyStoppingSelfConsistency),
    ),
    (
        rf"adaptive\s+(?:self[\s-]*)?consistency{_UP_TO}",
        _stopping("adaptive consistency", AdaptiveConsistency),
    ),
)

KNOWN = (
    "single pass",
    "3 rounds, last answer",
    "3 rounds, best score",
    "2 revisions",
    "best of 5 by score",
    "self-consistency of 5",
    "revise until accepted, 4",
    "revise until unchanged, 4",
    "until critic is silent, 4",
    "restart until accepted, 4",
    "early-stopping consistency",
    "adaptive consistency",
)
"""Ways to name a rule, with other numbers as well."""


def rule_named(name: str) -> NamedRule:
    """Return the rule that somebody means.

    Rounds, attempts and iterations count the first answer, revisions do not: "3 rounds" are
    "2 revisions". Letters may be large or small, and numbers up to ten words.

    Args:
        name: Such as those of `KNOWN`.

    Raises:
        ValueError: If no rule is called so; the message lists what is known.
    """
    words = re.sub(r"[a-z]+", lambda word: _WORDS.get(word[0], word[0]), name.strip().lower())
    for pattern, make in _PATTERNS:
        if found := re.fullmatch(pattern, words):
            return make(int(found.groupdict().get("n") or _MOST))
    raise ArgumentError(
        "mine",
        f"must name a rule, got {name!r}. Known, with any number: {'; '.join(KNOWN)}.",
    )


OWN_LOOP = "your loop as it stops"
"""The rule of a loop whose own rule ended every run: it goes as far as it did."""


def rules_of_own_loop(pool: Pool) -> dict[str, Strategy]:
    """Return the rules that can be tried on runs which the loop's own rule ended, by name.

    None of them goes further in a chain of revisions than the loop did: the loop as it stops, the
    same with a lower limit, and rules that only draw afresh.

    Args:
        pool: Runs that the loop's own rule ended.
    """
    own = RevisedAsRecorded if pool.scored else FixedRounds
    named: dict[str, Strategy] = {OWN_LOOP: own(pool.longest_chain)}
    for n in range(2, min(pool.longest_chain, _MOST)):
        named[f"your loop, at most {n} rounds"] = own(n)
    for n in sorted({3, 5, pool.most_draws} & set(range(2, pool.most_draws + 1))):
        if pool.keyed:
            named[f"self-consistency of {n}"] = SelfConsistency(n)
        if pool.scored:
            named[f"best of {n} by score"] = BestOfN(n)
    return named
