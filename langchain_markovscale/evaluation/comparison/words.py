"""What a comparison says, losses as plainly as wins: the verdict first, the tables after."""

from collections.abc import Sequence
from math import inf, isfinite

from langchain_markovscale.calibration.report.content import Content
from langchain_markovscale.calibration.report.estimates import Estimate, counted
from langchain_markovscale.calibration.report.sections import Section, Table
from langchain_markovscale.calibration.report.verdict import Kind
from langchain_markovscale.evaluation.comparison.findings import Duel, Findings, Row, found
from langchain_markovscale.evaluation.comparison.rules import NEVER
from langchain_markovscale.explain import percent, points
from langchain_markovscale.theory.variants import Variant

TITLE = "Comparison of stopping rules"

_NAMED = 3  # rules that a sentence names
_MANY = 0.1  # of the runs: that often cut short by the pool is worth a warning


def content(findings: Findings) -> Content:
    """Return all that a comparison says."""
    summary = (verdict(findings), frontier(findings), equal_accuracy(findings), making(findings))
    sections = (
        rules_section(findings),
        duels_section(findings),
        standings_section(findings),
        *([variants_section(findings)] if len(findings.variants) > 1 else []),
    )
    return Content(kind(findings), summary, warnings(findings), sections)


def kind(findings: Findings) -> Kind:
    """Return whether MarkovScale helps, as far as the intervals tell."""
    seen = {duel.finding for duel in findings.duels_of(findings.variants[0])}
    if "less" in seen:
        return "hurts" if "more" not in seen else "uncertain"
    return "helps" if "more" in seen else "uncertain"


def verdict(findings: Findings) -> str:
    """Return how many rules MarkovScale beats at their own budgets, and which ones beat it."""
    duels = findings.duels_of(findings.variants[0])
    lost = [duel for duel in duels if duel.finding == "less"]
    won = [duel for duel in duels if duel.finding == "more"]
    if lost:
        worst = sorted(lost, key=lambda duel: duel.difference.value)[:_NAMED]
        by = _listed([f"{duel.rule} ({duel.difference.points})" for duel in worst])
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        rest = f"; it is more accurate than {len(won)} of {len(duels)}" if won else ""
        return f"MarkovScale loses, for as many {findings.budget}, to {by}{more}{rest}."
    if not won:
        return (
            f"No difference can be told: for as many {findings.budget} MarkovScale is as accurate "
            f"as each of {counted(len(duels), 'rule')}, as far as the intervals go."
        )
    ties = len(duels) - len(won)
    as_good = f"; {counted(ties, 'is', 'are')} as accurate, as far as the intervals go" if ties else ""
    return (
        f"For as many {findings.budget} MarkovScale is more accurate than {len(won)} of "
        f"{len(duels)} rules, and less accurate than none{as_good}."
    )


def frontier(findings: Findings) -> str:
    """Return where MarkovScale is furthest above and below the rules that spend no more."""
    standings = findings.standings_of(findings.variants[0])
    best = max(standings, key=lambda each: each.lead.value)
    worst = min(standings, key=lambda each: each.lead.value)
    if best.lead.value <= 0:
        said = "At no cost is it above the best rule that spends no more"
    else:
        rival = _row(findings, best.rival)
        said = (
            f"At best it is right {percent(best.accuracy)} of the time with "
            f"{_amount(best.budget, findings)}, where the best rule that spends no more, "
            f"{best.rival}, is at {percent(rival.accuracy.value)}: {best.lead.points}"
        )
    if worst.lead.value < 0:
        rival = _row(findings, worst.rival)
        said += (
            f"; at worst {percent(worst.accuracy)} with {_amount(worst.budget, findings)}, where "
            f"{worst.rival} is at {percent(rival.accuracy.value)}: {worst.lead.points}"
        )
    return f"{said}."


def equal_accuracy(findings: Findings) -> str:
    """Return what MarkovScale spends to be as accurate as the most accurate rule."""
    top = max(findings.rules, key=lambda row: row.accuracy.value)
    (duel,) = (d for d in findings.duels_of(findings.variants[0]) if d.rule == top.rule.name)
    name = f"the most accurate rule, {duel.rule} ({percent(top.accuracy.value)})"
    if not isfinite(duel.needed.value):
        most = max(row.accuracy.value for row in findings.curve(findings.variants[0]))
        return f"It does not reach {name}: it comes to {percent(most)} at most."
    saved = 1 - duel.needed.value / duel.budget
    change = f"{percent(abs(saved))} {'fewer' if saved > 0 else 'more'}"
    same = abs(saved) < 0.005
    return (
        f"To be as accurate as {name}, it takes {_amount(duel.needed.value, findings)} instead of "
        f"{_number(duel.budget)}{'' if same else f', {change}'}."
    )


def making(findings: Findings) -> str:
    """Return how the numbers were made."""
    source = findings.source
    learned = (
        "calibrated on one half of the questions and tried on the other, and the other way round"
        if source is None
        else f"decided with a calibration from elsewhere ({source.rstrip('.')})"
    )
    return (
        f"{findings.questions:,} questions, {counted(findings.repeats, 'run')} of each rule at "
        f"each, replayed from recorded attempts; {learned}. Brackets hold {findings.level:.0%} "
        f"intervals over questions, differences are paired. Seed {findings.seed}."
    )


def warnings(findings: Findings) -> tuple[str, ...]:
    """Return what to know before relying on the numbers."""
    said = []
    dry = max(row.exhausted for row in findings.curve(findings.variants[0]))
    if dry > _MANY:
        said.append(
            f"the pool ran dry in up to {percent(dry)} of MarkovScale's runs, which would have "
            "gone on: with more recorded attempts it would spend more and be right more often."
        )
    cut = [row.rule.name for row in findings.rules if row.exhausted > _MANY]
    if cut:
        said.append(f"the pool is too small to show what these rules do: {_listed(cut)}.")
    if findings.budget == "attempts" and _verifies(findings):
        said.append(
            "what the verifier takes is not known, so that budgets count attempts alone: give "
            "verification_tokens to compare by tokens."
        )
    said += [f"left out: {reason}." for reason in findings.left_out]
    return tuple(said)


def rules_section(findings: Findings) -> Section:
    """Return how every rule fared, MarkovScale's variant of the verdict at every cost."""
    shown = [*findings.rules, *findings.bounds]
    shown += [row for row in findings.curve(findings.variants[0]) if row.rule.cost != NEVER]
    headings = ("rule", "accuracy", "believed", "attempts", "calls", "tokens", "pool\nran dry")
    rows = tuple(
        (
            row.rule.name,
            row.accuracy.percent,
            "" if row.belief is None else percent(row.belief),
            f"{row.attempts:.2f}",
            f"{row.calls:.2f}",
            "unknown" if row.tokens is None else _number(row.tokens),
            percent(row.exhausted),
        )
        for row in shown
    )
    words = (
        "Means over questions. Calls and tokens include the verifier's, where a rule looks at "
        "scores. An oracle knows which answers are right: a bound, not a rule that could be used.",
    )
    return Section("The rules", words, Table(headings, rows, left=1))


def duels_section(findings: Findings) -> Section:
    """Return how MarkovScale fares at the budget of each rule."""
    unit = findings.budget
    headings = (
        "rule",
        unit,
        "accuracy",
        "MarkovScale\nfor as many",
        "difference",
        f"MarkovScale needs\nfor as much ({unit})",
    )
    rows = tuple(
        (
            duel.rule,
            _number(duel.budget),
            percent(_row(findings, duel.rule).accuracy.value),
            percent(duel.accuracy),
            duel.difference.points,
            _needed(duel),
        )
        for duel in findings.duels_of(findings.variants[0])
    )
    words = (
        "MarkovScale is taken at the two costs whose budgets lie on either side of the rule's, "
        "mixed so as to spend as much; a rule that spends more than its cheapest rounds is compared "
        "with those.",
    )
    return Section("At the budget of each rule", words, Table(headings, rows, left=1))


def standings_section(findings: Findings) -> Section:
    """Return how MarkovScale fares at each cost against what hindsight would have chosen."""
    headings = (
        "cost\n(points)",
        findings.budget,
        "accuracy",
        "best rule that\nspends no more",
        "lead",
        "best rule at\nthat cost",
        "regret",
    )
    rows = tuple(
        (
            points(each.cost, 2),
            _number(each.budget),
            percent(each.accuracy),
            each.rival,
            each.lead.points,
            each.best,
            each.regret.points,
        )
        for each in findings.standings_of(findings.variants[0])
    )
    words = (
        "Both rules are chosen in hindsight, knowing how all of them fared. Regret: by how much "
        "the rule's accuracy less the cost of its rounds is above MarkovScale's; below zero, "
        "MarkovScale does better.",
    )
    return Section("At each cost of a round", words, Table(headings, rows))


def variants_section(findings: Findings) -> Section:
    """Return the differences to each rule by variant."""
    names = [variant.replace("_", "-") for variant in findings.variants]
    columns = [_differences(findings, variant) for variant in findings.variants]
    rules = [row.rule.name for row in findings.rules]
    rows = tuple(
        (rule, *(each.points for each in differences))
        for rule, *differences in zip(rules, *columns, strict=True)
    )
    lost = [
        f"{name}: {counted(sum(found(each) == 'less' for each in column), 'loss', 'losses')}"
        for name, column in zip(names, columns, strict=True)
    ]
    words = (
        f"MarkovScale's accuracy less the rule's, at the rule's budget. {'; '.join(lost)}.",
    )
    return Section("Variants", words, Table(("rule", *names), rows, left=1))


def _differences(findings: Findings, variant: Variant) -> list[Estimate]:
    return [duel.difference for duel in findings.duels_of(variant)]


def _row(findings: Findings, name: str) -> Row:
    (row,) = (row for row in findings.rules if row.rule.name == name)
    return row


def _verifies(findings: Findings) -> bool:
    return any(row.calls > row.attempts for row in findings.rows)


def _needed(duel: Duel) -> str:
    low, high = duel.needed.interval or (duel.needed.value, duel.needed.value)
    return f"{_or_never(duel.needed.value)} [{_or_never(low)}, {_or_never(high)}]"


def _or_never(budget: float) -> str:
    return "never" if budget == inf else _number(budget)


def _amount(budget: float, findings: Findings) -> str:
    return f"{_number(budget)} {findings.budget}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
