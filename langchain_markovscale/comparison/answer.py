"""The answer to "what does my rule get, and what does switching buy?", in words and a table."""

from collections.abc import Iterator
from math import isfinite

from langchain_markovscale.comparison.results import ComparisonFindings, RuleResult, found, number
from langchain_markovscale.display.document import Section, Table, Tone
from langchain_markovscale.display.wording import percent, points
from langchain_markovscale.replay.crossfit import SINGLE_PASS
from langchain_markovscale.replay.named_rules import OWN_LOOP

TITLE = "What switching changes"

_DIGITS = 1  # of a percentage: rules often differ by less than one
_NOTHING = 0.005  # of an amount: a change that would be shown as 0 %
_FAR = 0.1  # of an amount: by so much another one is not about as much
_THOUSAND = 1000  # questions that a price is shown for


def tone(findings: ComparisonFindings) -> Tone:
    """Return whether switching is clearly good or clearly bad for being right."""
    even = found(findings.switch.even)
    if even == "less":
        return "bad"
    return "good" if "more" in (even, findings.switch.finding) else "unsure"


def verdict(findings: ComparisonFindings) -> str:
    """Return what one's own rule gets and takes, and what switching to MarkovScale changes."""
    return f"{_mine(findings)} {_switching(findings)}"


def _mine(findings: ComparisonFindings) -> str:
    """Return what the rule gets, beside a single pass, and what it takes."""
    switch = findings.switch
    mine = switch.mine
    whose = "The usual rule" if switch.assumed else "Your rule"
    over = f", {switch.gain.points} against a single pass,"
    if mine.rule.name == SINGLE_PASS:
        over, called = "", f"{'A' if switch.assumed else 'Your'} single pass"
    elif mine.rule.name == OWN_LOOP:
        called = f"{OWN_LOOP[0].upper()}{OWN_LOOP[1:]}"
    else:
        called = f"{whose}, {mine.rule.name},"
    right = percent(mine.accuracy.value, _DIGITS)
    return f"{called} is right {right} of the time{over} with {_spent(findings, mine)} a question."


def _switching(findings: ComparisonFindings) -> str:
    switch, size = findings.switch, findings.switch.difference.points
    takes = f"with {_spent(findings, switch.ours)}{_change(findings)}"
    if switch.finding == "more":
        return f"MarkovScale in its place is more often right, {size}, {takes}."
    if switch.finding == "less":
        keep = "Keep it: " if found(switch.even) == "less" else ""
        return f"{keep}MarkovScale in its place is less often right, {size}, {takes}."
    if switch.finding == "same":
        return f"MarkovScale in its place is right as often, {takes}."
    return f"MarkovScale in its place shows no clear difference in being right, {size}, {takes}."


def _spent(findings: ComparisonFindings, row: RuleResult) -> str:
    return f"{number(row.spent(findings.budget))} {findings.budget}"


def _change(findings: ComparisonFindings) -> str:
    """Return by how much less or more it spends, if it does."""
    switch = findings.switch
    spent = switch.mine.spent(findings.budget)
    share = switch.saved.value / max(spent, 1e-9)
    if abs(share) < _NOTHING:
        return ""
    return f" ({abs(share):.0%} {'fewer' if share > 0 else 'more'})"


def at_even_cost(findings: ComparisonFindings, rule: str | None = None) -> str:
    """Return how much more often MarkovScale is right where it spends as much as the rule.

    Args:
        findings: Of the comparison.
        rule: What the rule is called; by default as in a sentence after one that names it.
    """
    that = _that(findings) if rule is None else rule
    switch, unit = findings.switch, findings.budget
    words = {
        "more": f"is more often right: {switch.even.points}",
        "less": f"is less often right: {switch.even.points}",
        "same": "is right as often",
        "unclear": f"shows no clear difference: {switch.even.points}",
    }[found(switch.even)]
    spent = switch.mine.spent(unit)
    amounts = [row.spent(unit) for row in findings.curve(findings.variants[0])]
    nearest = min(max(spent, min(amounts)), max(amounts))
    if number(nearest) != number(spent):
        takes = f"MarkovScale takes {'fewer' if nearest < spent else 'more'} {unit} than {that}"
        at_all = f"{takes} at every cost that was tried"
        if rule is None and number(nearest) == number(switch.ours.spent(unit)):
            return f"{at_all}."  # the sentence before has said what it gets with them
        return f"{at_all}; with {number(nearest)} it {words}."
    where = _elsewhere(findings, spent)
    return f"For as many {unit} as {that} takes{where}, MarkovScale {words}."


def as_accurate(findings: ComparisonFindings) -> str:
    """Return what MarkovScale needs to be as accurate as one's own rule."""
    switch, unit = findings.switch, findings.budget
    needed, spent = switch.needed.value, switch.mine.spent(unit)
    if not isfinite(needed):
        best = max(row.accuracy.value for row in findings.curve(findings.variants[0]))
        return (
            f"MarkovScale is not as often right as {_that(findings)} at any cost that was tried: "
            f"at most {percent(best, _DIGITS)} of the time."
        )
    goal = f"To be right as often as {_that(findings)}, MarkovScale takes"
    where = _elsewhere(findings, needed)
    if number(needed) == number(spent):
        return f"{goal} as many {unit}{where}."
    return f"{goal} {number(needed)} {unit} instead of {number(spent)}{where}."


def outlook(findings: ComparisonFindings) -> str:
    """Return how MarkovScale fares at other costs of a round: at even cost, and as accurate."""
    switch, unit = findings.switch, findings.budget
    as_many = number(switch.needed.value) == number(switch.mine.spent(unit))
    if switch.mine.rule.name == SINGLE_PASS and found(switch.even) == "same" and as_many:
        return (
            "Where a round costs so much that MarkovScale stops after the first answer, it is a "
            "single pass too, and right as often."
        )
    even = at_even_cost(findings)
    shown = number(switch.ours.spent(findings.budget))
    if switch.finding in ("more", "same") and number(switch.needed.value) == shown:
        return even  # the verdict has said the rest
    return f"{even} {as_accurate(findings)}"


def _that(findings: ComparisonFindings) -> str:
    return "a single pass" if findings.switch.mine.rule.name == SINGLE_PASS else "that rule"


def _elsewhere(findings: ComparisonFindings, spent: float) -> str:
    """Say at which other cost than the one that is shown MarkovScale spends this, if so."""
    shown = findings.switch.ours.spent(findings.budget)
    if number(spent) == number(shown):
        return ""
    return f", with a {'higher' if spent < shown else 'lower'} cost of a round"


def switch_section(findings: ComparisonFindings) -> Section:
    """Return what one's own rule and MarkovScale in its place get and take, side by side."""
    mine, ours = findings.switch.mine, findings.switch.ours
    rows = (
        (
            "right answers (change in points)",
            percent(mine.accuracy.value, _DIGITS),
            percent(ours.accuracy.value, _DIGITS),
            findings.switch.difference.in_points(unit=False),
        ),
        *_amounts(findings),
    )
    rule = "usual rule" if findings.switch.assumed else "your rule"
    headings = ("per question", rule, "MarkovScale", "change")
    return Section(TITLE, tuple(_words(findings)), Table(headings, rows, left=1))


def _words(findings: ComparisonFindings) -> Iterator[str]:
    switch = findings.switch
    if switch.assumed:
        yield (
            "Nobody said which rule you use, so a usual one was taken. Name yours with "
            '`--mine "2 revisions, best score"`, in Python with `mine=`.'
        )
    how = f"of those tried, the one at which it takes most nearly as many {findings.budget}"
    spent = switch.mine.spent(findings.budget)
    if abs(switch.saved.value) > _FAR * spent:
        how = (
            f"at none of those tried does it take about as many {findings.budget}; this is nearest"
        )
    if switch.mine.rule.name == SINGLE_PASS:
        how = "the one of those tried that is nearest to 1 point"
    yield (
        f"MarkovScale runs here at a cost of a round of {points(switch.ours.rule.cost or 0.0, 2)}: "
        f"{how}."
    )
    unknown = [
        name
        for name, row in (
            ("tokens read", switch.mine.read),
            ("tokens written", switch.mine.written),
            ("seconds", switch.mine.seconds),
        )
        if row is None
    ]
    if unknown:
        yield f"Not recorded in these traces: {', '.join(unknown)}."
    if switch.mine.seconds is not None:
        yield "Seconds are those of all calls, one after the other."
    if findings.prices is None and not unknown:
        yield (
            "With prices of tokens the table has USD as well: `--prices 3,15` is what a million "
            "read and a million written cost."
        )


def _amounts(findings: ComparisonFindings) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each thing that is spent, where it is known of both rules."""
    mine, ours = findings.switch.mine, findings.switch.ours
    verified = mine.calls > mine.attempts or ours.calls > ours.attempts
    both = [
        ("attempts", mine.attempts, ours.attempts),
        (f"calls of {'model and verifier' if verified else 'the model'}", mine.calls, ours.calls),
        ("tokens read", mine.read, ours.read),
        ("tokens written", mine.written, ours.written),
        ("seconds", mine.seconds, ours.seconds),
    ]
    before, after = mine.usd(findings.prices), ours.usd(findings.prices)
    if before is not None and after is not None:
        both.append((f"USD for {_THOUSAND:,} questions", _THOUSAND * before, _THOUSAND * after))
    for name, before, after in both:
        if before is not None and after is not None:
            yield name, number(before), number(after), _relative(before, after)


def _relative(before: float, after: float) -> str:
    if before <= 0:
        return "" if after <= 0 else f"+{number(after)}"
    share = after / before - 1
    if abs(share) < _NOTHING:
        return "0%"
    return f"{'+' if share > 0 else '−'}{abs(share):.0%}"


def rule_is_worse(findings: ComparisonFindings) -> str | None:
    """Return what is clearly worse than it need be, as a sentence; None if nothing is."""
    switch = findings.switch
    name = switch.mine.rule.name
    if found(switch.gain) == "less":
        return f"{name} is less often right than a single pass: {switch.gain.points}."
    if found(switch.even) == "less":
        return at_even_cost(findings, name)
    return None
