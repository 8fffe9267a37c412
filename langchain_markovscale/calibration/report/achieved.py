"""What the criterion achieves: promise and delivery on the traces, or else a simulation."""

from collections.abc import Iterable, Sequence
from statistics import NormalDist

from langchain_markovscale.calibration.report.findings import Findings
from langchain_markovscale.calibration.simulate import PolicyOutcome
from langchain_markovscale.display.document import Section, Table
from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.display.wording import counted, listed, percent, points
from langchain_markovscale.theory.delivery import Delivered, Delivery, Mean
from langchain_markovscale.types import Action

TITLE = "What the criterion achieves"

_WELL_BELOW = 0.75  # where the whole interval of φ is below this, much less is delivered
_MATTERS = 0.01  # of accuracy: what is missing where that is worth an explanation
_NAMES: dict[Action, str] = {"revise": "revisions", "generate": "fresh draws"}


def achieved_section(found: Findings) -> Section:
    """Return what the criterion achieves at each cost."""
    measured = found.calibration.delivery
    return _delivered(found, measured) if measured and found.delivered else _simulated(found)


def _simulated(found: Findings) -> Section:
    """Return what it achieves on simulated questions."""
    error = max(each.accuracy_error for each in found.outcomes)
    answers = (
        "Their answers have keys; two wrong answers are the same with a chance of "
        f"{percent(found.rates.coincidence)}."
        if found.keyed
        else "Their answers have no keys, as in the traces, and cannot be compared."
    )
    drawn = "" if found.tried else ", and no revisions, since none was recorded"
    words = (
        "A round is one attempt and its verification; its cost is what it must add to the chance "
        f"of being right to be worth it. At most {counted(found.max_rounds, 'attempt')}{drawn}. "
        f"The first answer alone is right {percent(found.single)} of the time"
        f"{_by_which_rates(found)}.",
        f"Simulated: questions drawn from these rates are put to the criterion; standard "
        f"error at most {points(error)}. {answers}",
    )
    rows = tuple(
        (
            f"{points(cost, 3, unit=False)}{' *' if cost == found.cost_per_round else ''}",
            f"{got.attempts:.2f}",
            f"{got.fresh_draws:.2f}",
            f"{got.revisions:.2f}",
            percent(got.accuracy),
            _net_of(cost, got),
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
    return Section(TITLE, words, Table(headings, rows, left=1), "cost")


def _by_which_rates(found: Findings) -> str:
    """Say by which rates first answers are right so often, and what was counted of them."""
    if found.calibration.decision is None:
        return ""
    seen = found.rounds[0].seen
    counted_share = "" if seen is None else f" ({percent(seen)} were counted)"
    return (
        f" by the rates that decisions use, which allow for how uncertain the fit is{counted_share}"
    )


def _delivered(found: Findings, measured: Delivery) -> Section:
    """Return what it promised and delivered on the traces."""
    actions, most = found.delivered[0].actions, found.delivered[0].max_rounds
    words = [
        "A round is one attempt and its verification; its cost is what it must add to the chance "
        f"of being right to be worth it. Allowed: {_named(actions)}, at most "
        f"{counted(most, 'attempt')}. The first answer alone is right {percent(found.single)} of "
        "the time. Costs and gains are in points.",
        f"Replayed on {counted(measured.questions, 'question')} of the traces, each half by rates "
        "that were fitted to the other. Promised is the gain in accuracy that the criterion "
        "expects when it first goes on, delivered is what comes of it, before cost, both per "
        "question. Decisions count on the share φ of a promise, with which the last three columns "
        "were played.",
    ]
    words += _carried_out(found.delivered)
    words += _useless(found.delivered)
    words += _doubts(found.delivered)
    words += _others(found, measured)
    rows = tuple(_cells(found, measured, row) for row in found.delivered)
    headings = (
        "cost",
        "promised",
        "delivered",
        "counted on",
        "attempts",
        "accuracy",
        "net of\ncost",
    )
    return Section(TITLE, tuple(words), Table(headings, rows, left=1), "cost")


def _cells(found: Findings, measured: Delivery, row: Delivered) -> tuple[str, ...]:
    mark = " *" if row.cost == found.policy_cost else ""
    cost, play = f"{points(row.cost, 3, unit=False)}{mark}", row.at_its_word
    if not play.went_on:
        first = percent(found.single)
        return cost, "–", "–", "–", "1.00", first, first
    got = found.outcomes[found.delivered.index(row)]
    return (
        cost,
        points(play.promised[0], signed=True, unit=False),
        _interval(play.delivered, measured.level).in_points(unit=False),
        Estimate(row.phi, row.interval).percent if row.phi else "0%",
        f"{got.attempts:.2f}",
        percent(got.accuracy),
        _net_of(row.cost, got),
    )


def _net_of(cost: float, got: PolicyOutcome) -> str:
    """Return the accuracy less the cost of all attempts but the first."""
    return percent(min(max(got.accuracy - (got.attempts - 1) * cost, 0.0), 1.0))


def _interval(mean: Mean, level: float) -> Estimate:
    value, error = mean
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    return Estimate(value, (value - half, value + half))


def _carried_out(rows: Iterable[Delivered]) -> list[str]:
    """Say what plans delivered that were carried out without deciding again."""
    shares = [f"{row.plan_check:.0%}" for row in rows if row.plan_check is not None]
    if not shares:
        return []
    alike = len(set(shares)) == 1
    shown, by_cost = (shares[0], "") if alike else (listed(shares), ", by rising cost")
    return [
        f"Plans that were carried out without deciding again delivered {shown} of what they "
        f"promised{by_cost}; 100% is what a right model has."
    ]


def _useless(rows: Iterable[Delivered]) -> list[str]:
    """Say at which costs going on was not worth it."""
    costs = [row.cost for row in rows if row.at_its_word.went_on and not row.phi]
    if not costs:
        return []
    return [
        f"At a cost of {_in_points(costs)} going on delivered less than it cost: there "
        "the criterion stops after the first answer."
    ]


def _doubts(rows: Iterable[Delivered]) -> list[str]:
    """Say what may be the matter where clearly much less was delivered than was promised."""
    costs = [
        row.cost
        for row in rows
        if row.interval[1] < _WELL_BELOW
        and row.at_its_word.promised[0] - row.at_its_word.delivered[0] >= _MATTERS
    ]
    if not costs:
        return []
    return [
        f"At a cost of {_in_points(costs)} much less is delivered than is promised, so "
        "something is not modelled: rates that drift with the round, a verifier that tells "
        "questions apart better than answers, or too few attempts recorded of a question."
    ]


def _in_points(costs: Sequence[float]) -> str:
    *others, last = costs
    return listed([*(points(cost, 3, unit=False) for cost in others), points(last, 3)])


def _others(found: Findings, measured: Delivery) -> list[str]:
    """Say how loops fare that may take fewer kinds of actions."""
    gains = [
        f"{points(row.in_force.delivered_net[0] if row.phi else 0.0, signed=True)} by "
        f"{_named(row.actions)} alone"
        for row in measured.rows
        if row.actions != found.delivered[0].actions and row.cost == found.policy_cost
    ]
    if not gains:
        return []
    cost = points(found.policy_cost, 3)
    return [f"At a cost of {cost} the net gain is {listed(gains)}."]


def _named(actions: Iterable[Action]) -> str:
    return listed(sorted(_NAMES[action] for action in actions))
