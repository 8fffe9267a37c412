"""The rules that people use today, behind the same small protocol as ours.

Each is a pure function of the attempts so far. `rounds` and `draws` count attempts, the first
included. A score that is missing counts as 0, and an answer without a key has no vote.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import nan
from typing import ClassVar

from langchain_markovscale.replay.replay import Strategy
from langchain_markovscale.theory.criterion import Criterion, new_decision
from langchain_markovscale.theory.validation import TOLERANCE
from langchain_markovscale.types import Action, Attempt, Decision, Reason, Step


@dataclass(frozen=True)
class SinglePass:
    """One draw, returned as it is: what every other rule has to beat."""

    scored: ClassVar[bool] = False

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Stop after the first attempt."""
        return drawing(attempts, len(attempts) > 0, 0)


@dataclass(frozen=True)
class FixedRounds:
    """Revise `rounds` − 1 times and return the last answer: the loop with `max_iterations`.

    Multi-round thinking (Tian et al., 2025, arXiv:2503.19855), and Self-Refine without its critic's
    say in when to stop.
    """

    rounds: int = 3
    scored: ClassVar[bool] = False

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Revise the last attempt until there are `rounds`."""
        return revising(attempts, len(attempts) >= self.rounds, len(attempts) - 1)


@dataclass(frozen=True)
class RevisedAsRecorded(FixedRounds):
    """A loop whose own rule ended its runs, and looked at the scores that were recorded."""

    scored: ClassVar[bool] = True


@dataclass(frozen=True)
class FixedRoundsBestScore:
    """Revise `rounds` − 1 times and return the answer that was scored highest.

    Best-of-N (Cobbe et al., 2021, arXiv:2110.14168) along one chain of revisions.
    """

    rounds: int = 3
    scored: ClassVar[bool] = True

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Revise the last attempt until there are `rounds`."""
        return revising(attempts, len(attempts) >= self.rounds, best_scored(attempts))


@dataclass(frozen=True)
class ScoreThreshold:
    """Revise until the score reaches `threshold`, in at most `rounds`; return the last answer.

    The loop of Reflexion (Shinn et al., 2023, arXiv:2303.11366), whose evaluator says when it ends.
    """

    threshold: float = 0.5
    rounds: int = 8
    scored: ClassVar[bool] = True

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Revise the last attempt while it is scored below the threshold."""
        done = _accepted(attempts, self.threshold) or len(attempts) >= self.rounds
        return revising(attempts, done, len(attempts) - 1)


@dataclass(frozen=True)
class CriticSilent:
    """Revise until the critic has nothing to say, in at most `rounds`; return the last answer.

    The stopping rule of Self-Refine (Madaan et al., 2023, arXiv:2303.17651). A critic is silent
    where it gives no feedback, or a score of at least `threshold` beside it.
    """

    threshold: float = 0.5
    rounds: int = 8
    scored: ClassVar[bool] = True

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Revise the last attempt while it is criticised."""
        silent = bool(attempts) and not attempts[-1]["feedback"]
        done = silent or _accepted(attempts, self.threshold) or len(attempts) >= self.rounds
        return revising(attempts, done, len(attempts) - 1)


@dataclass(frozen=True)
class UntilUnchanged:
    """Revise until a revision changes nothing, in at most `rounds`; return the last answer.

    The loop that ends where it has converged: an answer equals the one before it.
    """

    rounds: int = 8
    scored: ClassVar[bool] = False

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Revise the last attempt unless it has the key of the one before it."""
        before, last = [None, None, *(attempt["key"] for attempt in attempts)][-2:]
        unchanged = last is not None and last == before
        done = unchanged or len(attempts) >= self.rounds
        return revising(attempts, done, len(attempts) - 1)


@dataclass(frozen=True)
class RestartUntilAccepted:
    """Draw afresh until the score reaches `threshold`, at most `draws` times; return the last.

    Repeated sampling with a verifier (Brown et al., 2024, arXiv:2407.21787), ended by its
    first yes.
    """

    threshold: float = 0.5
    draws: int = 8
    scored: ClassVar[bool] = True

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Draw again while the last attempt is rejected."""
        done = _accepted(attempts, self.threshold) or len(attempts) >= self.draws
        return drawing(attempts, done, len(attempts) - 1)


@dataclass(frozen=True)
class BestOfN:
    """`draws` fresh draws; return the one that was scored highest.

    Best-of-N by a verifier (Cobbe et al., 2021, arXiv:2110.14168).
    """

    draws: int = 8
    scored: ClassVar[bool] = True

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Draw until there are `draws`."""
        return drawing(attempts, len(attempts) >= self.draws, best_scored(attempts))


@dataclass(frozen=True)
class SelfConsistency:
    """`draws` fresh draws; return the most frequent answer.

    Self-consistency (Wang et al., 2023, arXiv:2203.11171). Of answers that are equally frequent
    the one that came first is returned.
    """

    draws: int = 8
    scored: ClassVar[bool] = False

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Draw until there are `draws`."""
        return drawing(attempts, len(attempts) >= self.draws, plurality(votes_by_key(attempts)))


@dataclass(frozen=True)
class EarlyStoppingSelfConsistency:
    """Draw in windows until all answers of one agree; return the most frequent answer of all.

    ESC (Li et al., 2024, arXiv:2401.10480), with its window of 5 and at most 40 draws.
    """

    window: int = 5
    draws: int = 40
    scored: ClassVar[bool] = False

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Look at each window when it is full."""
        done = len(attempts) >= self.draws
        if not done and attempts and len(attempts) % self.window == 0:
            keys = {attempt["key"] for attempt in attempts[-self.window :]}
            done = len(keys) == 1 and None not in keys
        return drawing(attempts, done, plurality(votes_by_key(attempts)))


@dataclass(frozen=True)
class AdaptiveConsistency:
    """Draw until the leading answer's lead is hardly chance; return the most frequent answer.

    The Beta criterion of Adaptive-Consistency (Aggarwal et al., 2023, arXiv:2305.11860): with v₁
    votes for the leading answer and v₂ for the next, stop when P(p > 1/2) > `confidence` for p
    from Beta(v₁ + 1, v₂ + 1); at most 40 draws.
    """

    confidence: float = 0.95
    draws: int = 40
    scored: ClassVar[bool] = False

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Draw while the lead may be chance."""
        votes = votes_by_key(attempts)
        done = len(attempts) >= self.draws
        if not done and votes:
            first, second = (*sorted((n for _, n in votes.values()), reverse=True), 0)[:2]
            done = chance_of_majority(first, second) > self.confidence
        return drawing(attempts, done, plurality(votes))


@dataclass(frozen=True)
class OracleGate:
    """Go on while the answer is wrong: what a perfect verifier would make of the same loop.

    A bound and not a rule that anybody could use, since it reads the labels (Huang et al., 2024,
    arXiv:2310.01798, show how much of the reported gain of self-correction comes from it).
    """

    action: Action = "revise"
    rounds: int = 8
    scored: ClassVar[bool] = False
    bound: ClassVar[bool] = True

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Stop at the first correct answer."""
        right = bool(attempts) and bool(attempts[-1].get("correct"))
        step = revising if self.action == "revise" else drawing
        return step(attempts, right or len(attempts) >= self.rounds, len(attempts) - 1)


@dataclass(frozen=True)
class Predicted:
    """A criterion with the class weights of the question at hand: the MAP variant."""

    criterion: Criterion
    class_weights: Sequence[float]

    def decide(self, attempts: Sequence[Attempt]) -> Decision:
        """Decide as the criterion does."""
        return self.criterion.decide(attempts, self.class_weights)


def baselines(
    threshold: float = 0.5,
    *,
    rounds: int = 8,
    draws: int = 8,
    most: int = 40,
    keyed: bool = True,
    scored: bool = True,
    criticised: bool = True,
) -> dict[str, Strategy]:
    """Return the rules to beat, by name; the oracle gates last.

    Args:
        threshold: The score from which an answer is accepted.
        rounds: The most attempts of a rule that revises.
        draws: The most attempts of a rule that draws afresh.
        most: The most attempts of a rule that finds its own number of draws by agreement.
        keyed: Whether answers have keys, which votes need.
        scored: Whether attempts have scores.
        criticised: Whether attempts have feedback.
    """
    named: dict[str, Strategy] = {"single pass": SinglePass()}
    for n in sorted({2, 3, 4, rounds} & set(range(2, rounds + 1))):
        named[f"{n} rounds, last answer"] = FixedRounds(n)
    if rounds > 1 and scored:
        named[f"{rounds} rounds, best score"] = FixedRoundsBestScore(rounds)
        named[f"revise until accepted, {rounds}"] = ScoreThreshold(threshold, rounds)
    if rounds > 1 and keyed:
        named[f"revise until unchanged, {rounds}"] = UntilUnchanged(rounds)
    if rounds > 1 and criticised:
        named[f"until critic is silent, {rounds}"] = CriticSilent(threshold, rounds)
    if draws > 1 and scored:
        named[f"restart until accepted, {draws}"] = RestartUntilAccepted(threshold, draws)
    for n in sorted({3, 5, draws} & set(range(2, draws + 1))):
        if keyed:
            named[f"self-consistency of {n}"] = SelfConsistency(n)
        if scored:
            named[f"best of {n} by score"] = BestOfN(n)
    if draws > 1 and keyed:
        named["early-stopping consistency"] = EarlyStoppingSelfConsistency(draws=most)
        named["adaptive consistency"] = AdaptiveConsistency(draws=most)
    if rounds > 1:
        named["oracle, revising"] = OracleGate("revise", rounds)
    if draws > 1:
        named["oracle, redrawing"] = OracleGate("generate", draws)
    return named


def looks_at_scores(strategy: Strategy) -> bool:
    """Return whether a strategy needs a verifier; a criterion whose verdicts say nothing does not.

    A strategy without the attribute `scored` is assumed to look.
    """
    if isinstance(strategy, Predicted):
        strategy = strategy.criterion
    if not isinstance(strategy, Criterion):
        return bool(getattr(strategy, "scored", True))
    rates = strategy.rates
    if rates.score_cuts:
        return max(map(abs, rates.score_log_ratios)) > TOLERANCE
    verdicts = zip(rates.sensitivity, rates.specificity, strict=True)
    return any(abs(s + u - 1) > TOLERANCE for s, u in verdicts)


def drawing(attempts: Sequence[Attempt], done: bool, best: int) -> Decision:
    """Return the decision to draw again, or to stop where that is `done`."""
    if not attempts:
        return _decision("generate", None, 0)
    return _decision("stop" if done else "generate", best, len(attempts))


def revising(attempts: Sequence[Attempt], done: bool, best: int) -> Decision:
    """Return the decision to revise the last attempt, or to stop where that is `done`."""
    if not attempts:
        return _decision("generate", None, 0)
    if done:
        return _decision("stop", best, len(attempts))
    return _decision("revise", best, len(attempts), len(attempts) - 1)


def _decision(action: Step, best: int | None, n: int, parent: int | None = None) -> Decision:
    """Return a decision of a rule that has no beliefs and weighs no gain."""
    reason: Reason = "gain_below_cost" if action == "stop" else "gain_exceeds_cost"
    return new_decision(action, best, n, reason, nan, nan, nan, parent)


def _accepted(attempts: Sequence[Attempt], threshold: float) -> bool:
    return bool(attempts) and (attempts[-1]["score"] or 0.0) >= threshold


def best_scored(attempts: Sequence[Attempt]) -> int:
    """Return the first of the attempts that were scored highest."""
    scores = [attempt["score"] or 0.0 for attempt in attempts]
    return scores.index(max(scores)) if scores else 0


def votes_by_key(attempts: Sequence[Attempt]) -> dict[str, tuple[int, int]]:
    """Return for each key the first attempt that has it, and how many have it."""
    votes: dict[str, tuple[int, int]] = {}
    for index, attempt in enumerate(attempts):
        key = attempt["key"]
        if key is not None:
            first, many = votes.get(key, (index, 0))
            votes[key] = first, many + 1
    return votes


def plurality(votes: dict[str, tuple[int, int]]) -> int:
    """Return the first attempt with the most frequent key; the first of all where none has one."""
    best = most = 0
    for first, many in votes.values():
        if many > most:
            best, most = first, many
    return best


@lru_cache(maxsize=4096)
def chance_of_majority(first: float, second: float) -> float:
    """Return P(p > 1/2) for p from Beta(first + 1, second + 1)."""
    from scipy.special import betainc

    return float(1 - betainc(first + 1, second + 1, 0.5))
