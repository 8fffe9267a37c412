"""What may come after a run, in plain Python: every continuation followed to its end.

Given the class and the right answer, attempts come about as `by_enumeration` has them: a draw is
right or one of the wrong answers, seen or new, and its verdict is drawn anew, those of the same
answer with correlation ρ: after m verdicts, r of them accepting, the next one accepts with
(ρr + (1−ρ)s)/(1+(m−1)ρ).
"""

from collections import Counter
from collections.abc import Iterator

from by_enumeration import Values, accept_chance, answers_chance, over_keys, scores_by_answer

from langchain_markovscale import Attempt, Rates

UNSEEN = "the right answer, not yet seen"


def answers_next(values: Values, right: str, chance: float) -> Iterator[tuple[str, float, Values]]:
    """The next fresh draw: its answer, how likely it is, and the wrong answers after it."""
    yield right, chance, values
    for answer in [*values.many, f"new {len(values.many)}"]:
        after = values.copy()
        if drawn := after.draw(answer):
            yield answer, (1 - chance) * drawn, after


def vote(
    rates: Rates,
    attempts: list[Attempt],
    in_hand: str | None,
    n: int,
    choices: int | None = None,
) -> float:
    """P(right) of drawing n more and returning what most fresh draws are."""
    joint, _ = over_keys(rates, attempts, choices)
    cast = Counter(one["key"] for one in attempts if one["parent"] is None and one["key"])
    total = 0.0
    for hypothesis, row in joint.items():
        for k, chance in enumerate(row):
            _, values = answers_chance(rates, attempts, hypothesis, k, choices)
            right = UNSEEN if hypothesis is None else hypothesis
            total += chance * _wins(values, right, rates.initial[k], cast, in_hand, n)
    return total


def _wins(values, right, initial, votes, in_hand, n):
    if n == 0:
        most = max(votes.values())
        leaders = {answer for answer, count in votes.items() if count == most}
        return float(leaders == {right} or (right in leaders and right == in_hand))
    return sum(
        chance * _wins(after, right, initial, votes + Counter([answer]), in_hand, n - 1)
        for answer, chance, after in answers_next(values, right, initial)
    )


Tallies = dict[str, tuple[int, int]]
"""How often each answer was accepted, and how often it was judged."""


def tallies(rates: Rates, attempts: list[Attempt]) -> Tallies:
    """Of every key that was judged."""
    return {
        key: (sum(score >= rates.accept_threshold for score in scores), len(scores))
        for key, scores in scores_by_answer(attempts).items()
        if isinstance(key, str)
    }


def accepts_next(rates: Rates, k: int, right: bool, judged: tuple[int, int]) -> float:
    """P(the next verdict on an answer accepts it), where scores have no intercept."""
    accepted, m = judged
    chance, rho = accept_chance(rates, k, 0.0, right), rates.verdict_correlation
    return chance if m == 0 else (rho * accepted + (1 - rho) * chance) / (1 + (m - 1) * rho)


def drawn_until_accepted(
    rates: Rates, attempts: list[Attempt], in_hand: str | None, n: int
) -> tuple[float, float]:
    """(V, L) of fresh draws until one is accepted, at most n, else the answer in hand."""
    worth = rounds = 0.0
    for hypothesis, row in over_keys(rates, attempts)[0].items():
        for k, chance in enumerate(row):
            _, values = answers_chance(rates, attempts, hypothesis, k)
            right = UNSEEN if hypothesis is None else hypothesis
            judged = tallies(rates, attempts)
            value, length = _until_accepted(rates, k, values, right, judged, in_hand, n)
            worth, rounds = worth + chance * value, rounds + chance * length
    return worth, rounds


def _until_accepted(rates, k, values, right, judged, in_hand, n):
    if n == 0:
        return float(in_hand == right), 0.0
    worth, rounds = 0.0, 1.0
    for answer, chance, after in answers_next(values, right, rates.initial[k]):
        known = judged.get(answer, (0, 0))
        accepted = accepts_next(rates, k, answer == right, known)
        rejected = {**judged, answer: (known[0], known[1] + 1)}
        later, length = _until_accepted(rates, k, after, right, rejected, in_hand, n - 1)
        worth += chance * (accepted * (answer == right) + (1 - accepted) * later)
        rounds += chance * (1 - accepted) * length
    return worth, rounds


def revised_until_accepted(
    rates: Rates, attempts: list[Attempt], in_hand: str | None, depth: int, n: int
) -> tuple[float, float]:
    """(V, L) of revisions until one is accepted, at most n, else the answer in hand.

    Where rates settle each is made of the one before and has the rates of a depth more, else all
    are made of the answer in hand. All answers but that and the right one are new.
    """
    worth = rounds = 0.0
    for hypothesis, row in over_keys(rates, attempts)[0].items():
        right = UNSEEN if hypothesis is None else hypothesis
        for k, chance in enumerate(row):
            judged = tallies(rates, attempts)
            factor = rates.settling**depth
            value, length = _revised(rates, k, right, judged, in_hand, in_hand, factor, n)
            worth, rounds = worth + chance * value, rounds + chance * length
    return worth, rounds


def _revised(rates, k, right, judged, in_hand, latest, factor, n):
    if n == 0:
        return float(in_hand == right), 0.0
    other = f"new {len(judged)}"
    if latest == right:
        broken = rates.corruption[k] * factor
        moves = {right: 1 - broken, other: broken}
    else:
        repair = rates.repair[k] * factor
        stuck = 0.0 if latest is None else (1 - repair) * rates.retention[k]
        moves = {right: repair, latest: stuck, other: 1 - repair - stuck}
    worth, rounds = 0.0, 1.0
    for answer, chance in moves.items():
        if chance == 0:
            continue
        known = judged.get(answer, (0, 0))
        accepted = accepts_next(rates, k, answer == right, known)
        rejected = {**judged, answer: (known[0], known[1] + 1)}
        base, settled = answer if rates.settling < 1 else latest, factor * rates.settling
        later, length = _revised(rates, k, right, rejected, in_hand, base, settled, n - 1)
        worth += chance * (accepted * (answer == right) + (1 - accepted) * later)
        rounds += chance * (1 - accepted) * length
    return worth, rounds
