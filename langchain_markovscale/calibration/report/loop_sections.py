"""The sections on the loop: where blind revising leads, and what the criterion makes of it."""

from langchain_markovscale.calibration.report.findings import ClassRates, Findings
from langchain_markovscale.explanations import percent, points
from langchain_markovscale.faces.content import Section, Table
from langchain_markovscale.theory.checks import TOLERANCE


def leads_section(found: Findings) -> Section:
    """Return the bounds, and where revising leads each class."""
    lower, neutral, upper = found.bounds
    first = found.rounds[0].fitted
    words = [
        f"However many blind revisions are made, accuracy stays between {percent(lower.value)} and "
        f"{percent(upper.value)}, and tends to {percent(neutral.value)}."
    ]
    if not found.few_classes:
        moves = [_direction(one) for one in found.classes]
        words.append(
            f"Of {len(moves)} classes, revising improves {moves.count('improves')} and degrades "
            f"{moves.count('degrades')}."
        )
    elif len(found.classes) > 1:
        words.append(" ".join(_move(number, one) for number, one in enumerate(found.classes, 1)))
    rows = (
        ("first answers", first.percent),
        ("lower bound", lower.percent),
        ("neutral: rounds tend to", neutral.percent),
        ("upper bound", upper.percent),
    )
    table = Table(("", "accuracy"), rows, left=1)
    return Section("Where revising leads", tuple(words), table, "map")


def _move(number: int, one: ClassRates) -> str:
    direction = _direction(one)
    share = percent(one.weight.value)
    if direction == "leaves":
        return f"Class {number} ({share}) stays at {percent(one.initial.value)}."
    return (
        f"Revising {direction} class {number} ({share}), from {percent(one.initial.value)} "
        f"towards {one.level.percent}."
    )


def _direction(one: ClassRates) -> str:
    gain = one.level.value - one.initial.value
    return "improves" if gain > TOLERANCE else "degrades" if gain < -TOLERANCE else "leaves"


def cost_section(found: Findings) -> Section:
    """Return what the criterion buys at each cost."""
    single = found.rounds[0].fitted.value
    error = max(each.accuracy_error for each in found.outcomes)
    answers = (
        "Their answers have keys; two wrong ones coincide with a chance of "
        f"{percent(found.rates.coincidence)}."
        if found.keyed
        else "Their answers have no keys, as in the traces, and cannot be compared."
    )
    words = (
        "A round is one attempt and its verification; its cost is what it must add to the chance "
        f"of being right to be worth it. At most {found.max_rounds} attempts. The first answer "
        f"alone is right {percent(single)} of the time.",
        "Simulated: questions drawn from these rates are put to the criterion; standard error at "
        f"most {points(error)} points. {answers}",
    )
    rows = tuple(
        (
            f"{points(cost, 3)}{' *' if cost == found.cost_per_round else ''}",
            f"{got.attempts:.2f}",
            f"{got.fresh_draws:.2f}",
            f"{got.revisions:.2f}",
            percent(got.accuracy),
            percent(min(max(got.accuracy - (got.attempts - 1) * cost, 0.0), 1.0)),
        )
        for cost, got in zip(found.costs, found.outcomes, strict=True)
    )
    headings = (
        "cost of a round\n(points)",
        "attempts",
        "fresh draws\nafter the first",
        "revisions",
        "accuracy",
        "less cost of\nfurther rounds",
    )
    return Section("What the criterion buys", words, Table(headings, rows, left=1), "cost")


def missing_section() -> Section:
    """Return what rates that were not fitted cannot tell."""
    return Section(
        "What is missing",
        (
            "Nothing was fitted to traces, so that this report has no accuracy as seen, no "
            "intervals, no held-out check, no reliability of the verifier, no drift and no "
            "comparison of class numbers. Record traces and fit them: Calibration.fit(traces), or "
            "markovscale calibrate traces.jsonl.",
        ),
    )


def making_section(found: Findings) -> Section:
    """Return how to make the same numbers again."""
    fitted = found.calibration.fitted
    made = [f"Simulation: seed {found.seed}."]
    if fitted:
        made.insert(0, f"Fit and intervals: seed {fitted.seed}.")
    if found.calibration.metadata:
        pairs = (f"{name}: {value}" for name, value in found.calibration.metadata.items())
        made.append(f"Metadata: {'; '.join(pairs)}.")
    made.append("The same traces and seeds give the same numbers. * marks what is used.")
    return Section("How these numbers were made", (" ".join(made),))
