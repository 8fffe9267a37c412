"""The sections of a report: tables and plots with the sentences that explain them."""

from collections.abc import Iterator, Sequence
from statistics import NormalDist

from langchain_markovscale.calibration.report.achieved import achieved_section
from langchain_markovscale.calibration.report.findings import ClassRates, Drift, Findings
from langchain_markovscale.calibration.summary import FitSummary
from langchain_markovscale.display.document import Section, Table
from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.display.wording import counted, percent, points
from langchain_markovscale.theory.validation import TOLERANCE

_STAYS = 0.95  # a settling that may be above this is hardly different from constant rates
_DOUBT = 0.05  # chance of calling a drift where there is none, over all depths
_BETTER = 0.5  # an AUC above this is better than chance


def sections(found: Findings) -> tuple[Section, ...]:
    """Return all sections that the calibration has the numbers for."""
    parts = [accuracy_section(found), rates_section(found), leads_section(found)]
    parts.append(verifier_section(found))
    if found.calibration.fitted is None:
        parts += [achieved_section(found), missing_section()]
    else:
        if found.mended:
            parts.append(drift_section(found))
        parts += [classes_section(found, found.calibration.fitted), achieved_section(found)]
    parts.append(making_section(found))
    return tuple(parts)


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
        ("neutral: revisions tend to", neutral.percent),
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


def missing_section() -> Section:
    """Return what a report lacks where nothing was fitted."""
    return Section(
        "What is missing",
        (
            "Nothing was fitted to traces, so this report has no accuracy that was seen, no "
            "intervals, no held-out check, no reliability of the verifier, no drift and no "
            "comparison of class numbers. Record traces and fit them: Calibration.fit(traces), or "
            "markovscale calibrate traces.jsonl.",
        ),
    )


def making_section(found: Findings) -> Section:
    """Return how to make the same numbers again."""
    fitted = found.calibration.fitted
    made = [] if found.delivered else [f"Simulation: seed {found.seed}."]
    if fitted:
        what = "Fit, intervals and replay" if found.delivered else "Fit and intervals"
        made.insert(0, f"{what}: seed {fitted.seed}.")
    if found.calibration.metadata:
        pairs = (f"{name}: {value}" for name, value in found.calibration.metadata.items())
        made.append(f"Metadata: {'; '.join(pairs)}.")
    made.append("The same traces and seeds give the same numbers. * marks what is used.")
    return Section("How these numbers were made", (" ".join(made),))


def accuracy_section(found: Findings) -> Section:
    """Return accuracy by round: seen, fitted and held out."""
    fitted = found.calibration.fitted
    title = "Accuracy by number of blind revisions"
    if fitted is None:
        forecast = tuple((f"{each.revisions}", each.fitted.percent) for each in found.rounds)
        words = "Every answer is revised so many times, and nobody checks."
        return Section(title, (words,), Table(("revisions", "forecast"), forecast), "accuracy")
    rows = tuple(
        (
            f"{each.revisions}",
            "–" if each.seen is None else percent(each.seen),
            f"{each.attempts:,}",
            each.fitted.percent,
            "–" if each.held_out is None else percent(each.held_out),
        )
        for each in found.rounds
    )
    both = [each for each in found.rounds if each.seen is not None]
    words = "There are no labels, so the forecasts cannot be compared with what was seen."
    if both:
        fit = _mean([abs(each.fitted.value - (each.seen or 0)) for each in both])
        held = _mean([abs((each.held_out or 0) - (each.seen or 0)) for each in both])
        words = (
            f"The fit misses what was seen by {points(fit)} on average; fits that had not seen "
            f"the questions miss it by {points(held, unit=False)}."
        )
    headings = ("revisions", "seen", "labelled\nattempts", "fit", "held-out\nforecast")
    return Section(title, (words,), Table(headings, rows), "accuracy")


def rates_section(found: Findings) -> Section:
    """Return the rates by class, and whether they settle."""
    words = (
        "Questions of one class behave alike. Repair α is the chance that a revision corrects a "
        "wrong answer, corruption β the chance that it breaks a right one."
    )
    rates = ("first answer\nright p₀", "repair α", "corruption β")
    headings: tuple[str, ...] = ("class", "share of\nquestions", *rates)
    if found.few_classes:
        rows = tuple(_class_cells(number, one) for number, one in enumerate(found.classes, 1))
    else:
        headings = (f"{len(found.classes)} classes", *rates)
        rows = tuple(_spread(found))
    return Section("Rates", (words, _settling(found)), Table(headings, rows, left=1))


def _class_cells(number: int, one: ClassRates) -> tuple[str, ...]:
    rates = (one.weight, one.initial, one.repair, one.corruption)
    return (f"{number}", *(rate.percent for rate in rates))


def _spread(found: Findings) -> Iterator[tuple[str, ...]]:
    """Lowest, mean and highest rate of many classes."""
    weights = [one.weight.value for one in found.classes]
    columns = [
        [one.initial.value for one in found.classes],
        [one.repair.value for one in found.classes],
        [one.corruption.value for one in found.classes],
    ]
    yield ("lowest", *(percent(min(column)) for column in columns))
    means = (sum(w * v for w, v in zip(weights, column, strict=True)) for column in columns)
    yield ("mean", *(percent(mean) for mean in means))
    yield ("highest", *(percent(max(column)) for column in columns))


def _settling(found: Findings) -> str:
    d = Estimate(found.rates.settling, _interval(found, "settling"))
    if d.value == 1:
        return "Rates are taken to be the same at every depth of revision (settling d = 1)."
    if (d.interval or (0.0, d.value))[1] > _STAYS:
        return (
            f"Settling d = {d.decimal}: rates hardly fall, if at all, when an answer is revised "
            "again."
        )
    return (
        f"Settling d = {d.decimal}: at each further revision of an answer both rates are d times "
        "what they were at the one before, so that answers change less and less."
    )


def verifier_section(found: Findings) -> Section:
    """Return how far the verifier can be relied on."""
    fitted, rates = found.calibration.fitted, found.rates
    title = "The verifier"
    if fitted and fitted.auc is None and rates.verdicts_say_nothing:
        words = "No verifier was measured: no labelled attempt has a score, or all labels agree."
        return Section(title, (words,))
    rows = [
        ("accepts from a score of", f"{rates.accept_threshold:.2f}"),
        ("sensitivity: accepts a right answer", _by_class(found, "sensitivity")),
        ("specificity: rejects a wrong answer", _by_class(found, "specificity")),
        ("correlation ρ of its scores of one answer", f"{rates.verdict_correlation:.2f}"),
    ]
    if fitted is None:
        words = "Assumed, not measured."
        if rates.verdicts_say_nothing:
            words += (
                " Its verdicts say nothing: they are as frequent for wrong answers as for right."
            )
        return Section(title, (words,), Table(("", ""), tuple(rows), left=1))
    if fitted.auc is None:
        words = (
            "No labelled attempt has a score: these figures assume that answers which agree are "
            "right. Decisions use them."
        )
        return Section(title, (words,), Table(("", ""), tuple(rows), left=1))
    across = Estimate(fitted.auc, fitted.auc_interval)
    areas = [("scores a right answer above a wrong one (AUC)", across.percent)]
    if fitted.auc_within is not None:
        within = Estimate(fitted.auc_within, fitted.auc_within_interval)
        areas.append(("the same of answers to one question (AUC within)", within.percent))
    words = " ".join([_tells(fitted, across), _tells_within(fitted, across)])
    return Section(title, (words,), Table(("", ""), (*areas, *rows), left=1), "verifier")


def _tells(fitted: FitSummary, across: Estimate) -> str:
    """Say how well the verifier tells right from wrong across all questions."""
    often = (
        f"a right answer is scored above a wrong one {across.percent} of the time, where chance is "
        "50%."
    )
    if fitted.auc_interval[0] > _BETTER:
        return f"It tells right from wrong: {often}"
    if fitted.auc_within_interval[0] > _BETTER:
        return f"Across questions it is no better than chance: {often}"
    return (
        f"It is no better than chance: {often} Its scores are given no weight (sensitivity and "
        "specificity are set to 50%)."
    )


def _tells_within(fitted: FitSummary, across: Estimate) -> str:
    """Say how well it tells the answers to one question apart."""
    if fitted.auc_within is None:
        return (
            "No question has both a right and a wrong answer scored, so that how well it tells the "
            "answers to one question apart is unknown."
        )
    low, high = fitted.auc_within_interval
    within = Estimate(fitted.auc_within, (low, high))
    words = (
        "of a right and a wrong answer to the same question, the right one is scored higher "
        f"{within.percent} of the time"
    )
    if high < across.value:
        less = points(across.value - within.value)
        words = f"it knows questions better than answers: {words}, {less} less"
    if low <= _BETTER:
        words += ", which is not better than one half within a question"
    return f"{words[0].upper()}{words[1:]}."


def _by_class(found: Findings, name: str) -> str:
    values: tuple[float, ...] = getattr(found.rates, name)
    if max(values) - min(values) > TOLERANCE:
        return f"{percent(min(values))} to {percent(max(values))}"
    interval = _interval(found, name)
    set_by_hand = interval is None or interval[0] == interval[1]
    return Estimate(values[0], None if set_by_hand else interval).percent


def drift_section(found: Findings) -> Section:
    """Return whether rates drift with depth, classes and settling accounted for."""
    every = [("corrected", row) for row in found.mended] + [("broken", row) for row in found.broken]
    every = [(change, row) for change, row in every if not row.empty]
    worst = max((row.z for _, row in every), key=abs)
    limit = NormalDist().inv_cdf(1 - _DOUBT / 2 / len(every))
    if abs(worst) <= limit:
        words = (
            "Rates do not drift with depth beyond what the fit expects: the largest deviation is "
            f"{abs(worst):.1f} standard deviations, and {limit:.1f} would be remarkable among "
            f"{counted(len(every), 'comparison', in_words=True)}."
        )
    else:
        drifting = "; ".join(_drifted(*one) for one in every if abs(one[1].z) > limit)
        words = f"Rates drift with depth: {drifting}. Do not rely on forecasts over many revisions."
    table = drift_table(found.mended, found.broken)
    return Section("Drift of the rates with depth", (words,), table, "drift")


def drift_table(corrected: Sequence[Drift], broken: Sequence[Drift]) -> Table:
    """Return the table of what revisions changed by depth, as seen and as expected.

    Args:
        corrected: Of wrong answers.
        broken: Of right answers, at the same depths.
    """
    rows = tuple(
        (f"{c.depth}", *_drift_cells(c), *_drift_cells(b))
        for c, b in zip(corrected, broken, strict=True)
    )
    headings = (
        "revision",
        "wrong\nbefore",
        "corrected",
        "expected",
        "z",
        "right\nbefore",
        "broken",
        "expected",
        "z",
    )
    return Table(headings, rows)


def _drifted(change: str, row: Drift) -> str:
    return (
        f"at depth {row.depth}, {row.changed:,.0f} were {change} where the fit expects "
        f"{row.expected:,.0f} (z = {_z(row.z)})"
    )


def _drift_cells(row: Drift) -> tuple[str, str, str, str]:
    if row.empty:
        return "0", "–", "–", "–"
    return f"{row.revised:,.0f}", f"{row.changed:,.0f}", f"{row.expected:,.1f}", _z(row.z)


def _z(value: float) -> str:
    return f"{value:+z.1f}".replace("-", "−")


def classes_section(found: Findings, fitted: FitSummary) -> Section:
    """Return how many classes are used, and how others compare."""
    tried = {int(number): mean for number, mean in fitted.class_likelihood.items()}
    used = found.rates.n_classes
    words = f"{counted(used, 'class is', 'classes are', in_words=True).capitalize()} used"
    if len(tried) == 1:
        words += "; no other number was tried."
    elif used + 1 in tried:
        gain = tried[used + 1] - tried[used]
        size = f"{abs(gain):.3f} a question"
        words += (
            f": one more raises the held-out log-likelihood by {size}, not clearly more than "
            "chance."
            if gain > 0
            else f": one more lowers the held-out log-likelihood by {size}."
        )
    else:
        words += ", the most that are tried."
    least = min(tried)
    rows = tuple(
        (
            f"{number}{' *' if number == used else ''}",
            f"{mean:.3f}".replace("-", "−"),
            "" if number == least else f"{mean - tried[number - 1]:+.3f}".replace("-", "−"),
        )
        for number, mean in sorted(tried.items())
    )
    headings = ("classes", "log-likelihood of a\nheld-out question", "change")
    return Section("Number of classes", (words,), Table(headings, rows, left=1))


def _interval(found: Findings, name: str) -> tuple[float, float] | None:
    fitted = found.calibration.fitted
    each = fitted.intervals.get(name) if fitted and found.calibration.draws else None
    return each[0] if each else None


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
