"""The tables of a comparison, each with the words that it takes to read it."""

from collections import Counter
from math import inf

from langchain_markovscale.evaluation.comparison.findings import Findings, Row, found
from langchain_markovscale.evaluation.comparison.rules import NEVER
from langchain_markovscale.explanations import points
from langchain_markovscale.faces.content import Section, Table
from langchain_markovscale.faces.estimates import Estimate
from langchain_markovscale.theory.variants import Variant

_SPENDINGS = ("attempts", "calls", "tokens", "dry")


def sections(findings: Findings) -> tuple[Section, ...]:
    """Return all sections of a comparison."""
    parts = [
        duels_section(findings),
        frontier_section(findings),
        regret_section(findings),
        rules_section(findings),
        costs_section(findings),
    ]
    if len(findings.variants) > 1:
        parts.append(variants_section(findings))
    return tuple(parts)


def rules_section(findings: Findings) -> Section:
    """Return how the rules to beat fared, and the bounds."""
    words = [
        "Means over questions; calls and tokens include the verifier's where a rule looks at "
        "scores, and dry is the share of runs that ended because the pool had no more. An oracle "
        "knows which answers are right: a bound, and not a rule that could be used."
    ]
    if findings.left_out:
        words.append(f"The pool has nothing for {'; '.join(findings.left_out)}.")
    rows = tuple(
        (row.rule.name, _ranged(row.accuracy), *_spendings(row))
        for row in (*findings.rules, *findings.bounds)
    )
    headings = ("rule", "accuracy", *_SPENDINGS)
    return Section("The rules to beat", tuple(words), Table(headings, rows, left=1))


def costs_section(findings: Findings) -> Section:
    """Return how MarkovScale fared at each cost, and whether its beliefs were right."""
    rows = tuple(
        (
            points(row.rule.cost or 0.0, 2),
            _ranged(row.accuracy),
            "" if row.belief is None else share(row.belief),
            *_spendings(row),
        )
        for row in findings.curve(findings.variants[0])
        if row.rule.cost != NEVER
    )
    words = (
        f"At most {findings.max_rounds} attempts. What it believed of its answers, without knowing "
        "the labels, should be near how often they were right.",
    )
    headings = ("cost of a round\n(points)", "accuracy", "believed", *_SPENDINGS)
    return Section("MarkovScale by cost", words, Table(headings, rows))


def duels_section(findings: Findings) -> Section:
    """Return how MarkovScale fares at the budget of each rule."""
    headings = ("rule", findings.budget, "MarkovScale", "difference\n(points)", "it needs")
    rows = tuple(
        (
            duel.rule,
            number(duel.budget),
            share(duel.accuracy),
            _points(duel.difference),
            "never" if duel.needed.value == inf else number(duel.needed.value),
        )
        for duel in findings.duels_of(findings.variants[0])
    )
    words = (
        "MarkovScale is taken at the two costs whose budgets lie on either side of the rule's, "
        "mixed so as to spend as much; where the rule spends more than MarkovScale ever does, at "
        f"what it does spend. Last column: the {findings.budget} that MarkovScale needs to be as "
        "accurate as the rule.",
    )
    return Section("At the budget of each rule", words, Table(headings, rows, left=1))


def frontier_section(findings: Findings) -> Section:
    """Return how MarkovScale fares at each cost against the best rule that spends no more."""
    rows = tuple(
        (
            points(each.cost, 2),
            number(each.budget),
            share(each.accuracy),
            each.rival,
            _points(each.lead),
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
    words = ("The rule is chosen in hindsight, knowing how all of them fared.",)
    return Section("On the frontier", words, Table(headings, rows))


def regret_section(findings: Findings) -> Section:
    """Return what hindsight would have gained at each cost."""
    rows = tuple(
        (points(each.cost, 2), share(each.worth), each.best, _points(each.regret))
        for each in findings.standings_of(findings.variants[0])
    )
    words = (
        "By how much the best fixed rule, chosen in hindsight, earns more than MarkovScale: "
        f"accuracy less the cost of a round for as many {findings.budget} as an attempt and its "
        "verification take. Below zero, MarkovScale earns more.",
    )
    headings = ("cost", "MarkovScale\nearns", "best rule\nin hindsight", "regret\n(points)")
    return Section("Regret", words, Table(headings, rows))


def variants_section(findings: Findings) -> Section:
    """Return how the other variants fare at the budget of each rule."""
    first, *others = findings.variants
    columns = [[duel.difference for duel in findings.duels_of(each)] for each in others]
    rows = tuple(
        (row.rule.name, *map(_points, differences))
        for row, *differences in zip(findings.rules, *columns, strict=True)
    )
    said = []
    for variant, column in zip(others, columns, strict=True):
        seen = Counter(map(found, column))
        said.append(
            f"{_spoken(variant)} is more accurate than {seen['more']} of {len(column)} rules and "
            f"less accurate than {seen['less'] or 'none'}"
        )
    words = (
        f"MarkovScale's accuracy less the rule's, at the rule's budget. For as many "
        f"{findings.budget}, {'; '.join(said)}.",
    )
    headings = ("rule", *map(_spoken, others))
    return Section(f"Variants beside {_spoken(first)}", words, Table(headings, rows, left=1))


def share(value: float) -> str:
    """Return a share as a percentage with a decimal, since rules often differ by less than one."""
    return f"{100 * value:.1f}%"


def number(value: float) -> str:
    """Return an amount with three digits or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _spendings(row: Row) -> tuple[str, str, str, str]:
    tokens = "unknown" if row.tokens is None else number(row.tokens)
    return f"{row.attempts:.2f}", f"{row.calls:.2f}", tokens, f"{row.exhausted:.0%}"


def _spoken(variant: Variant) -> str:
    return variant.replace("_", "-")


def _ranged(estimate: Estimate) -> str:
    low, high = estimate.interval or (estimate.value, estimate.value)
    return f"{share(estimate.value)} [{100 * low:.0f}, {100 * high:.0f}]"


def _points(estimate: Estimate) -> str:
    """Return a difference for a column that says that it is in points."""
    return estimate.points.replace(" points", "").replace(" point", "")
