"""The sections of a comparison: tables and the sentences that explain them."""

from collections import Counter
from collections.abc import Iterator
from math import inf, isfinite

from langchain_markovscale.answers.reading import without_key_in_words
from langchain_markovscale.calibration.estimate import FEW_QUESTIONS
from langchain_markovscale.comparison import answer
from langchain_markovscale.comparison.results import ComparisonFindings, RuleResult, found, number
from langchain_markovscale.display.document import Document, Section, Table
from langchain_markovscale.display.wording import counted, percent, points
from langchain_markovscale.replay.crossfit import NEVER
from langchain_markovscale.theory.rates import Variant

TITLE = "Comparison of stopping rules"

_DIGITS = 1  # of a percentage: rules often differ by less than one
_NAMED = 3  # rules that a sentence names
_NOTHING = 0.005  # of a budget: a saving that would be shown as 0 %
_MANY = 0.1  # of the runs: that often cut short by the pool is worth a warning
_SPENT = ("attempts", "calls", "tokens", "exhausted")


def sections(findings: ComparisonFindings) -> tuple[Section, ...]:
    """Return all sections of a comparison."""
    parts = [
        every_rule_section(findings),
        duels_section(findings),
        frontier_section(findings),
        regret_section(findings),
        rules_section(findings),
        costs_section(findings),
        *promise_sections(findings),
    ]
    if len(findings.variants) > 1:
        parts.append(variants_section(findings))
    return (
        answer.switch_section(findings),
        *(part._replace(folded=True) for part in parts),
    )


def every_rule_section(findings: ComparisonFindings) -> Section:
    """Return how MarkovScale fares against all rules, and the plot of all of them."""
    words = (against_all(findings), frontier(findings), equal_accuracy(findings))
    return Section("All rules", words, plot="frontier")


def rules_section(findings: ComparisonFindings) -> Section:
    """Return how the rules to beat fared, and the bounds."""
    tokens = "read and written" if findings.reading_counts else "written"
    words = [
        f"Means over questions. Tokens are those {tokens}. Tokens and calls include those of the "
        "verifier where a rule looks at scores. Exhausted is the share of runs that ended because "
        "the pool had no more attempts. An oracle knows which answers are right: it is a bound, "
        "and not a rule that could be used. A learned policy looks up what paid most on the other "
        "half of the questions after the same number of attempts, with the same votes and scores: "
        "it shows what there is to be learned, and is no rule to beat either."
    ]
    if findings.left_out:
        words.append(f"Left out: {'; '.join(findings.left_out)}.")
    rows = tuple(
        (row.rule.name, row.accuracy.fine_percent, *_spent(row))
        for row in (*findings.rules, *findings.bounds)
    )
    headings = ("rule", "accuracy", *_SPENT)
    return Section("The rules to beat", tuple(words), Table(headings, rows, left=1))


def costs_section(findings: ComparisonFindings) -> Section:
    """Return how MarkovScale fared at each cost, and whether its beliefs were right."""
    rows = tuple(
        (
            points(row.rule.cost or 0.0, 2, unit=False),
            row.accuracy.fine_percent,
            "" if row.belief is None else percent(row.belief, _DIGITS),
            *_spent(row),
        )
        for row in findings.curve(findings.variants[0])
        if row.rule.cost != NEVER
    )
    words = (
        f"At most {counted(findings.max_rounds, 'attempt')}. Believed is the probability of "
        "being right that MarkovScale gave its answers, without knowing the labels; it should be "
        "near the accuracy.",
    )
    headings = ("cost of a round\n(points)", "accuracy", "believed", *_SPENT)
    return Section("MarkovScale by cost", words, Table(headings, rows))


def promise_sections(findings: ComparisonFindings) -> Iterator[Section]:
    """Yield what every rule that promises anything promised, and what it delivered."""
    curves = [findings.curve(variant) for variant in findings.variants]
    rows = tuple(
        (points(same_cost[0].rule.cost or 0.0, 2, unit=False), *map(_kept, same_cost))
        for same_cost in zip(*curves, strict=True)
        if same_cost[0].rule.cost != NEVER
    )
    words = (
        "Promised → delivered, in points. Promised is the gain in accuracy that MarkovScale "
        "expects when it first goes on, delivered is what comes of it, both before cost, per "
        "question. Where the rates are right, the two are near each other.",
    )
    headings = ("cost of a round\n(points)", *map(_variant_name, findings.variants))
    yield Section("Promise and delivery", words, Table(headings, rows))
    others = tuple(
        (row.rule.name, _kept(row))
        for row in (*findings.rules, *findings.bounds)
        if row.promised is not None and (row.promised or row.delivered)
    )
    if others:
        table = Table(("rule", "promised → delivered\n(points)"), others, left=1)
        yield Section("Promise and delivery of other rules", table=table)


def _kept(row: RuleResult) -> str:
    promised = "–" if row.promised is None else points(row.promised, signed=True, unit=False)
    return f"{promised} → {points(row.delivered, signed=True, unit=False)}"


def duels_section(findings: ComparisonFindings) -> Section:
    """Return how MarkovScale fares at the budget of each rule."""
    headings = ("rule", findings.budget, "MarkovScale", "difference\n(points)", "it needs")
    rows = tuple(
        (
            duel.rule,
            number(duel.budget),
            percent(duel.accuracy, _DIGITS),
            duel.difference.in_points(unit=False),
            "never" if duel.needed.value == inf else number(duel.needed.value),
        )
        for duel in findings.duels_of(findings.variants[0])
    )
    words = (
        "MarkovScale is run at the two costs whose budgets are just below and just above the "
        "rule's, and the two are mixed so as to spend as much as the rule. Where the rule spends "
        "more than MarkovScale at any cost, MarkovScale's largest budget is used. Last column: the "
        f"{findings.budget} that MarkovScale needs to be as accurate as the rule.",
    )
    return Section("At the budget of each rule", words, Table(headings, rows, left=1))


def frontier_section(findings: ComparisonFindings) -> Section:
    """Return how MarkovScale fares at each cost against the best rule that spends no more."""
    rows = tuple(
        (
            points(each.cost, 2, unit=False),
            number(each.budget),
            percent(each.accuracy, _DIGITS),
            each.rival,
            each.lead.in_points(unit=False),
        )
        for each in findings.standings_of(findings.variants[0])
    )
    headings = (
        "cost",
        findings.budget,
        "accuracy",
        "best rule that\nspends no more",
        "lead\n(points)",
    )
    words = ("The rule is chosen in hindsight, from the results of all of them.",)
    return Section("On the frontier", words, Table(headings, rows))


def regret_section(findings: ComparisonFindings) -> Section:
    """Return what hindsight would have gained at each cost."""
    rows = tuple(
        (
            points(each.cost, 2, unit=False),
            percent(each.worth, _DIGITS),
            each.best,
            each.regret.in_points(unit=False),
        )
        for each in findings.standings_of(findings.variants[0])
    )
    words = (
        "Net accuracy is accuracy less the cost of the rounds; a round is the number of "
        f"{findings.budget} that an attempt and its verification take. Regret is by how much the "
        "net accuracy of the best rule, chosen in hindsight, is above that of MarkovScale. Below "
        "zero, MarkovScale is better.",
    )
    headings = ("cost", "MarkovScale,\nnet accuracy", "best rule\nin hindsight", "regret\n(points)")
    return Section("Regret", words, Table(headings, rows))


def variants_section(findings: ComparisonFindings) -> Section:
    """Return how the other variants fare at the budget of each rule."""
    first, *others = findings.variants
    columns = [[duel.difference for duel in findings.duels_of(each)] for each in others]
    rows = tuple(
        (row.rule.name, *(each.in_points(unit=False) for each in differences))
        for row, *differences in zip(findings.rules, *columns, strict=True)
    )
    counts = []
    for variant, column in zip(others, columns, strict=True):
        seen = Counter(map(found, column))
        counts.append(
            f"{_variant_name(variant)} is more accurate than {seen['more']} of "
            f"{counted(len(column), 'rule')} and less accurate than {seen['less'] or 'none'}"
        )
    words = (
        "MarkovScale's accuracy less the rule's, at the rule's budget. For the same number of "
        f"{findings.budget}, {'; '.join(counts)}.",
    )
    headings = ("rule", *map(_variant_name, others))
    return Section(f"Variants beside {_variant_name(first)}", words, Table(headings, rows, left=1))


def _spent(row: RuleResult) -> tuple[str, str, str, str]:
    tokens = "unknown" if row.tokens is None else number(row.tokens)
    return f"{row.attempts:.2f}", f"{row.calls:.2f}", tokens, f"{row.exhausted:.0%}"


def _variant_name(variant: Variant) -> str:
    return variant.replace("_", "-")


def document(findings: ComparisonFindings) -> Document:
    """Return all that a comparison says."""
    return Document(
        title=TITLE,
        tone=answer.tone(findings),
        summary=(
            answer.verdict(findings),
            answer.outlook(findings),
        ),
        basis=basis(findings),
        warnings=warnings(findings),
        sections=sections(findings),
        plot="switch",
    )


def against_all(findings: ComparisonFindings) -> str:
    """Return how many rules MarkovScale beats at their own budgets, and which ones beat it."""
    duels = findings.duels_of(findings.variants[0])
    lost = [duel for duel in duels if duel.finding == "less"]
    won = [duel for duel in duels if duel.finding == "more"]
    if lost:
        worst = sorted(lost, key=lambda duel: duel.difference.value)[:_NAMED]
        by = ", ".join(f"{duel.rule} ({duel.difference.points})" for duel in worst)
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        rest = f"; it is more accurate than {len(won)} of {len(duels)}" if won else ""
        return (
            f"For the same number of {findings.budget} MarkovScale is less accurate than "
            f"{by}{more}{rest}."
        )
    if not won:
        return (
            f"No clear difference: for the same number of {findings.budget} MarkovScale is as "
            f"accurate as {counted(len(duels), 'other rule', in_words=True)}, as far as the "
            "intervals show."
        )
    ties = len(duels) - len(won)
    as_good = (
        f"; {counted(ties, 'is', 'are', in_words=True)} as accurate, as far as the intervals show"
        if ties
        else ""
    )
    return (
        f"For the same number of {findings.budget} MarkovScale is more accurate than {len(won)} of "
        f"{counted(len(duels), 'rule')}, and less accurate than none{as_good}."
    )


def frontier(findings: ComparisonFindings) -> str:
    """Return MarkovScale's largest lead and deficit against the rules that spend no more."""
    standings = findings.standings_of(findings.variants[0])
    top = max(standings, key=lambda each: each.accuracy)
    most = (
        f"At best MarkovScale is right {percent(top.accuracy, _DIGITS)} of the time, with "
        f"{_amount(top.budget, findings)}."
    )
    best = max(standings, key=lambda each: each.lead.value)
    worst = min(standings, key=lambda each: each.lead.value)
    if best.lead.value <= 0:
        text = f"{most} At no cost is it more accurate than the best rule that spends no more"
    else:
        rival = _row(findings, best.rival)
        text = (
            f"{most} Its lead is largest with {_amount(best.budget, findings)}: it is right "
            f"{percent(best.accuracy, _DIGITS)} of the time, and the best rule that spends no "
            f"more, {best.rival}, {percent(rival.accuracy.value, _DIGITS)}: {best.lead.points}"
        )
    if worst.lead.value < 0:
        rival = _row(findings, worst.rival)
        text += (
            f". It is farthest behind with {_amount(worst.budget, findings)}: it is right "
            f"{percent(worst.accuracy, _DIGITS)} of the time, and {worst.rival} "
            f"{percent(rival.accuracy.value, _DIGITS)}: {worst.lead.points}"
        )
    return f"{text}."


def equal_accuracy(findings: ComparisonFindings) -> str:
    """Return what MarkovScale spends to be as accurate as the most accurate rule."""
    top = max(findings.rules, key=lambda row: row.accuracy.value)
    (duel,) = (d for d in findings.duels_of(findings.variants[0]) if d.rule == top.rule.name)
    name = f"the most accurate rule, {duel.rule} ({percent(top.accuracy.value, _DIGITS)})"
    if not isfinite(duel.needed.value):
        most = max(row.accuracy.value for row in findings.curve(findings.variants[0]))
        reached = percent(most, _DIGITS)
        return f"It is never as accurate as {name}: it is right {reached} of the time at most."
    saved = 1 - duel.needed.value / max(duel.budget, 1e-9)
    needed, spent = number(duel.needed.value), number(duel.budget)
    if abs(saved) < _NOTHING or needed == spent:
        return f"It is as accurate as {name}, for the same number of {findings.budget} ({needed})."
    return (
        f"To be as accurate as {name}, it takes {needed} {findings.budget} instead of {spent}, "
        f"{abs(saved):.0%} {'fewer' if saved > 0 else 'more'}."
    )


def basis(findings: ComparisonFindings) -> str:
    """Return how the numbers were made."""
    source = findings.source
    learned = (
        "calibrated on one half of the questions and tried on the other, and the other way round"
        if source is None
        else f"decided with a calibration of other questions ({source.rstrip('.')})"
    )
    runs = counted(findings.repeats, "run", in_words=True)
    ended = (
        "The loop's own rule ended these runs, and what it would have done later is unknown: every "
        "rule here, MarkovScale too, ends at the latest where the loop did."
        if findings.censored
        else ""
    )
    questions = counted(findings.questions, "question")
    if findings.questions < findings.recorded:
        questions = f"A random sample of {questions} of the {findings.recorded:,} in the pool"
    sentences = (
        f"{questions}, {runs} of each rule at each, replayed from recorded attempts; {learned}.",
        ended,
        without_key_in_words(findings.no_key, findings.attempts),
        f"Brackets show {findings.level:.0%} intervals over questions; differences are paired. "
        f"Seed {findings.seed}.",
    )
    return " ".join(filter(None, sentences))


def warnings(findings: ComparisonFindings) -> tuple[str, ...]:
    """Return what to know before relying on the numbers."""
    messages = []
    if findings.questions < FEW_QUESTIONS:
        messages.append(
            f"only {counted(findings.questions, 'question')}: with other questions the "
            "order of the rules could change."
        )
    ours = findings.curve(findings.variants[0])
    if findings.unverified:
        messages.append(
            f"MarkovScale did not use the verifier in {findings.unverified:.0%} of its runs: "
            "judging by the other half of the questions, a verification is not worth its "
            f"{findings.budget} there."
        )
    exhausted = max(row.exhausted for row in ours)
    if exhausted > _MANY and findings.censored:
        messages.append(
            f"in up to {exhausted:.0%} of its runs MarkovScale would have gone on where the loop "
            "had ended: record with a fixed number of revisions to see what that brings."
        )
    elif exhausted > _MANY:
        messages.append(
            f"the pool had no more attempts in up to {exhausted:.0%} of MarkovScale's runs, which "
            "would have gone on if more attempts had been recorded."
        )
    cut = [row.rule.name for row in findings.rules if row.exhausted > _MANY]
    if cut and not findings.censored:
        messages.append(f"the pool is too small to show what these rules do: {', '.join(cut)}.")
    unknown = any(row.tokens is None for row in findings.rows)
    verified = any(row.calls > row.attempts for row in findings.rows)
    # A table of right and wrong has no tokens, and nobody who reads one expects them.
    if findings.budget == "attempts" and unknown and (verified or findings.prices is not None):
        unpriced = "" if findings.prices is None else ", and prices cannot be applied"
        remedy = (
            ": if only those of verifications are missing, `markovscale compare` takes them as "
            "`--verification-tokens`, in Python `verification_tokens=`"
        )
        messages.append(
            f"not all tokens are known, so budgets count attempts alone{unpriced}"
            f"{remedy if verified else ''}."
        )
    return tuple(messages)


def _row(findings: ComparisonFindings, name: str) -> RuleResult:
    (row,) = (row for row in findings.rules if row.rule.name == name)
    return row


def _amount(budget: float, findings: ComparisonFindings) -> str:
    return f"{number(budget)} {findings.budget}"
