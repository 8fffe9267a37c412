"""The verdict: does revising help here, how sure is that, and what to do instead.

Revising helps if some number of blind revisions leaves accuracy above that of the first answers,
which is what T* ≥ 1 at no cost says, and hurts if every number leaves it below. The interval over
resampled fits must agree; where it contains both, the verdict is that it is uncertain.
"""

from typing import Literal

from langchain_markovscale.answers.reading import without_key_in_words
from langchain_markovscale.calibration.report.findings import Findings
from langchain_markovscale.display.wording import counted, listed, percent, points
from langchain_markovscale.theory.validation import TOLERANCE

Kind = Literal["helps", "hurts", "nothing", "uncertain", "untried"]
"""What blind revising does to accuracy; `untried` where no trace has a revision."""

_A_FEW = 0.05  # of an attempt a question: below it an action is as good as not taken


def kind(found: Findings) -> Kind:
    """Return what blind revising does, as far as the fit and its resampling tell."""
    if not found.tried:
        return "untried"
    low, high = found.most.interval or (found.most.value,) * 2
    if low > TOLERANCE:
        return "helps"
    if high < -TOLERANCE:
        return "hurts"
    if max(abs(low), abs(high)) <= TOLERANCE:
        # A chain that alternates comes back to where it began, and is worse in between.
        still = all(abs(each.gain.value) <= TOLERANCE for each in found.rounds)
        return "nothing" if still else "hurts"
    return "uncertain"


def verdict(found: Findings) -> str:
    """Return the verdict and its interval as one sentence."""
    words = _SENTENCES[kind(found)](found)
    if found.calibration.draws:
        return words
    unsure = "By the fit alone" if found.calibration.fitted else "If these rates hold"
    return f"{unsure}, {words[0].lower()}{words[1:]}"


def reasons(found: Findings) -> str:
    """Return the rates behind the verdict, and the best number of blind revisions."""
    if kind(found) == "untried":
        return "Record revisions too, for instance three of every first answer."
    rates = (
        f"A revision breaks a right answer {found.corruption.percent} of the time and corrects "
        f"a wrong one {found.repair.percent} of the time."
    )
    return f"{rates} {_blind_advice(found)}"


def recommendation(found: Findings) -> str:
    """Return what the criterion does and achieves at the given cost, replayed or simulated."""
    got, single = found.recommended, found.single
    at = f"At a cost of {points(found.policy_cost, 3)} a round"
    if found.policy_cost != found.cost_per_round:
        at += f", of those measured the nearest to {points(found.cost_per_round, 3)},"
    more = [
        f"{many:.1f} {name}"
        for many, name in ((got.fresh_draws, "fresh draws"), (got.revisions, "revisions"))
        if many >= _A_FEW
    ]
    if not more:
        return f"{at} the criterion stops after the first answer."
    if not _pays(found):
        what = "the criterion goes on, but gains no more than that costs"
    elif len(more) == 2:
        what = "both fresh draws and revisions pay where the criterion chooses them"
    elif draws_pay(found):
        what = "fresh draws pay, revisions do not" if found.tried else "fresh draws pay"
    else:
        what = "revisions pay where the criterion chooses them, fresh draws do not"
    if kind(found) == "uncertain" and not found.delivered:
        what = f"and if the fitted rates hold, {what}"
    return (
        f"{at} {what}: with {listed(more)} a question beside the first answer, it is right "
        f"{percent(got.accuracy)} of the time instead of {percent(single)} "
        f"({'replayed on held-out questions' if found.delivered else 'simulated'})."
    )


def draws_pay(found: Findings) -> bool:
    """Return whether the criterion draws afresh at the given cost, and gains by what it does."""
    return found.recommended.fresh_draws >= _A_FEW and _pays(found)


def uncertainty(found: Findings) -> str:
    """Return where the numbers come from and what the brackets show."""
    fitted = found.calibration.fitted
    source = found.calibration.source
    if fitted is None:
        return (
            f"Source: {source}. Nothing was fitted to traces: there are no intervals, no accuracy "
            "that was seen and no check of the fit."
        )
    labelled = {fitted.attempts: "all", 0: "none"}.get(fitted.labelled, f"{fitted.labelled:,}")
    brackets = (
        f"Brackets show {fitted.level:.0%} intervals over questions."
        if found.calibration.draws
        else "No intervals, since nothing was resampled."
    )
    sentences = (
        f"Source: {source}; {counted(fitted.questions, 'question')}, "
        f"{counted(fitted.attempts, 'attempt')}, {labelled} of them labelled.",
        without_key_in_words(fitted.no_key, fitted.attempts),
        brackets,
    )
    return " ".join(filter(None, sentences))


def _helps(found: Findings) -> str:
    if found.paid_revisions:
        return f"Revising helps here: {_from_to(found, found.paid_revisions)}."
    less = f"less than it costs at {points(found.cost_per_round, 3)} each"
    return f"Revising helps here, but {less}: {_from_to(found, found.best_revisions)}."


def _hurts(found: Findings) -> str:
    instead = "draw afresh instead" if draws_pay(found) else "stop after the first answer"
    return f"Revising hurts here: {_from_to(found, found.horizon)}; {instead}."


def _nothing(found: Findings) -> str:
    first = percent(found.rounds[0].fitted.value)
    return f"Revising changes nothing here: accuracy stays at {first}."


def _uncertain(found: Findings) -> str:
    best = found.best_revisions
    change = found.rounds[best].gain
    low, high = change.interval or (0.0, 0.0)
    revisions = counted(best, "revision changes", "revisions change", in_words=True)
    if low * high > 0:  # clear for that number, and not for the best of all numbers
        change, revisions = found.most, "the best number of revisions changes"
    return f"Too uncertain to tell whether revising helps: {revisions} accuracy by {change.points}."


def _untried(found: Findings) -> str:
    first = found.rounds[0].fitted.percent
    return (
        "No trace has a revision, so the effect of revising is unknown: first "
        f"answers are right {first} of the time."
    )


_SENTENCES = {
    "helps": _helps,
    "hurts": _hurts,
    "nothing": _nothing,
    "uncertain": _uncertain,
    "untried": _untried,
}


def _from_to(found: Findings, revisions: int) -> str:
    before, after = found.rounds[0].fitted, found.rounds[revisions].fitted
    take = counted(revisions, "revision takes", "revisions take", in_words=True)
    return (
        f"{take} accuracy from {percent(before.value)} to {percent(after.value)}, "
        f"{found.rounds[revisions].gain.points}"
    )


def _blind_advice(found: Findings) -> str:
    best = found.paid_revisions
    if kind(found) == "uncertain":
        return "Record more questions to tell which weighs more."
    if not best:
        return "If nobody checks, stop after the first answer."
    pay = counted(best, "revision pays", "revisions pay", in_words=True)
    each = " each" if best > 1 else ""
    traced = ", as many as were recorded" if found.calibration.fitted else ""
    limit = traced if best == found.horizon else ""
    return f"If nobody checks, {pay} best at {points(found.cost_per_round, 3)}{each}{limit}."


def _pays(found: Findings) -> bool:
    got = found.recommended
    paid = (got.attempts - 1) * found.policy_cost
    return got.accuracy - found.single > paid
