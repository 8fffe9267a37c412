"""What a comparison says, losses as plainly as wins: the verdict first."""

from collections.abc import Sequence
from math import isfinite

from langchain_markovscale.calibration.fitting import FEW_QUESTIONS
from langchain_markovscale.evaluation.comparison.findings import Findings, Row, found
from langchain_markovscale.evaluation.comparison.tables import number, sections, share
from langchain_markovscale.faces.content import Content, Tone
from langchain_markovscale.faces.estimates import counted

TITLE = "Comparison of stopping rules"

_NAMED = 3  # rules that a sentence names
_NOTHING = 0.005  # of a budget: a saving that would be shown as 0 %
_MANY = 0.1  # of the runs: that often cut short by the pool is worth a warning


def content(findings: Findings) -> Content:
    """Return all that a comparison says."""
    return Content(
        title=TITLE,
        tone=tone(findings),
        summary=(verdict(findings), frontier(findings), equal_accuracy(findings)),
        basis=making(findings),
        warnings=warnings(findings),
        sections=sections(findings),
        plot="frontier",
    )


def tone(findings: Findings) -> Tone:
    """Return whether the news is good for MarkovScale, as far as the intervals tell."""
    first = findings.variants[0]
    seen = {duel.finding for duel in findings.duels_of(first)}
    if "less" in seen:
        return "bad" if "more" not in seen else "unsure"
    ahead = any(found(each.lead) == "more" for each in findings.standings_of(first))
    return "good" if "more" in seen and ahead else "unsure"


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
            f"as {counted(len(duels), 'other rule')}, as far as the intervals go."
        )
    ties = len(duels) - len(won)
    as_good = (
        f"; {counted(ties, 'is', 'are')} as accurate, as far as the intervals go" if ties else ""
    )
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
            f"At best it is right {share(best.accuracy)} of the time with "
            f"{_amount(best.budget, findings)}, where the best rule that spends no more, "
            f"{best.rival}, is at {share(rival.accuracy.value)}: {best.lead.points}"
        )
    if worst.lead.value < 0:
        rival = _row(findings, worst.rival)
        said += (
            f"; at worst {share(worst.accuracy)} with {_amount(worst.budget, findings)}, where "
            f"{worst.rival} is at {share(rival.accuracy.value)}: {worst.lead.points}"
        )
    return f"{said}."


def equal_accuracy(findings: Findings) -> str:
    """Return what MarkovScale spends to be as accurate as the most accurate rule."""
    top = max(findings.rules, key=lambda row: row.accuracy.value)
    (duel,) = (d for d in findings.duels_of(findings.variants[0]) if d.rule == top.rule.name)
    name = f"the most accurate rule, {duel.rule} ({share(top.accuracy.value)})"
    if not isfinite(duel.needed.value):
        most = max(row.accuracy.value for row in findings.curve(findings.variants[0]))
        return f"It does not reach {name}: it comes to {share(most)} at most."
    saved = 1 - duel.needed.value / max(duel.budget, 1e-9)
    needed, spent = number(duel.needed.value), number(duel.budget)
    if abs(saved) < _NOTHING or needed == spent:
        return f"It is as accurate as {name}, for as many {findings.budget} ({needed})."
    return (
        f"To be as accurate as {name}, it takes {needed} {findings.budget} instead of {spent}, "
        f"{abs(saved):.0%} {'fewer' if saved > 0 else 'more'}."
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
    if findings.questions < FEW_QUESTIONS:
        said.append(
            f"only {findings.questions} questions: other ones could turn the order of the rules "
            "around."
        )
    ours = findings.curve(findings.variants[0])
    if findings.unverified:
        said.append(
            f"MarkovScale went without the verifier in {findings.unverified:.0%} of its runs: by "
            f"what the other half taught, a verification is not worth its {findings.budget} there."
        )
    dry = max(row.exhausted for row in ours)
    if dry > _MANY:
        said.append(
            f"the pool ran dry in up to {dry:.0%} of MarkovScale's runs, which would have gone on "
            "had more attempts been recorded."
        )
    cut = [row.rule.name for row in findings.rules if row.exhausted > _MANY]
    if cut:
        said.append(f"the pool is too small to show what these rules do: {_listed(cut)}.")
    if findings.budget == "attempts" and any(row.tokens is None for row in findings.rows):
        said.append(
            "not all tokens are known, so that budgets count attempts alone: what the verifier "
            "takes can be given as verification_tokens."
        )
    return tuple(said)


def _row(findings: Findings, name: str) -> Row:
    (row,) = (row for row in findings.rules if row.rule.name == name)
    return row


def _amount(budget: float, findings: Findings) -> str:
    return f"{number(budget)} {findings.budget}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
