"""`compare_strategies`: stopping rules side by side on the same recorded runs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import cast, get_args

import numpy as np

from langchain_markovscale.answers.reading import count_without_key
from langchain_markovscale.calibration.calibration import DECISION_DRAWS, Calibration
from langchain_markovscale.comparison import contrasts
from langchain_markovscale.comparison.report import Comparison
from langchain_markovscale.comparison.results import (
    ComparisonFindings,
    RuleResult,
    TokenPrices,
)
from langchain_markovscale.replay.crossfit import (
    SINGLE_PASS,
    BudgetUnit,
    Crossfit,
    CrossfitSettings,
    Prices,
    Strategies,
    WeightsOf,
)
from langchain_markovscale.replay.measured_delivery import measure_delivery
from langchain_markovscale.replay.named_rules import (
    OWN_LOOP,
    NamedRule,
    rule_named,
    rules_of_own_loop,
)
from langchain_markovscale.replay.pool import Pool, QuestionSample
from langchain_markovscale.theory.rates import Variant
from langchain_markovscale.theory.validation import (
    check_level,
    non_negative,
    round_cost,
    whole,
)
from langchain_markovscale.traces.checks import checked
from langchain_markovscale.traces.trace import Trace, read_traces
from langchain_markovscale.types import Action, ArgumentError

COSTS = (
    *(0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05),
    *(0.07, 0.1, 0.13, 0.17, 0.22, 0.3, 0.45),
)

_USUAL_ROUNDS = 3  # of the rule that is replaced where nobody names one
_REPEATS, _RUNS = 6, 3000  # by default: at most this many, and this many runs of each rule
_MOST_QUESTIONS = 10_000


def compare_strategies(
    pool: Pool | Iterable[Trace] | str | PathLike[str],
    strategies: Strategies[Calibration] | None = None,
    costs: Sequence[float] = COSTS,
    *,
    max_rounds: int = 8,
    variants: Sequence[Variant] = ("mixture", "gate", "training_free"),
    actions: Sequence[Action] | None = None,
    choices: int | None = None,
    calibration: Calibration | None = None,
    verification_tokens: float | None = None,
    budget: BudgetUnit | None = None,
    mine: str | None = None,
    prices: tuple[float, float] | None = None,
    repeats: int | None = None,
    level: float = 0.95,
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Replay stopping rules on recorded attempts, and compare their accuracy and usage.

    No model is called. The questions are split at random into two folds. MarkovScale is calibrated
    on one and evaluated on the other, and the other way round; so is the threshold from which the
    rules to beat accept a score. MarkovScale's accuracy at the budget of another rule lies between
    those at the two costs with the nearest budgets below and above it: it is what one gets by
    taking one cost for some questions and the other for the rest.

    Example:
        comparison = compare_strategies("pool.jsonl")

    Args:
        pool: Recorded attempts, all of them labelled: several fresh draws of each question and
            their revisions, as `record_traces` makes them; also the file that they are in. Of more
            than 10,000 questions a random sample of that many is compared, and the comparison says
            so; a `Pool` is taken as it is. Where
            the loop's own rule ended every run (`censored`), the loop as it stops is compared with
            what goes no further than it did.
        strategies: The rules to beat by name, or a function that makes them from the calibration
            of the other fold; by default those of `replay/strategies.py` for which the pool has
            the data.
        costs: Costs of a round, c in (0, 0.5), at which MarkovScale is run, in units of accuracy;
            the closer they lie, the less is lost by mixing neighbours.
        max_rounds: The most attempts of a run, the first included.
        variants: Of MarkovScale; the verdict is about the first. `"map"` learns from features that
            were recorded with the traces, and needs the extra `huggingface`.
        actions: What MarkovScale may do after the first attempt; by default what was recorded.
        choices: Number of possible answers where they are a closed list.
        calibration: One to decide with that was fitted on other questions; by default each fold of
            the pool is fitted.
        verification_tokens: Tokens that a verification takes; by default those of the traces, and
            unknown where they have none. Tokens are those read and written where the traces have
            the `usage` of every attempt, else those written alone, see `Pool`.
        budget: What the rules spend: `"tokens"`, `"calls"` or `"attempts"`; by default tokens, or
            attempts where the tokens of some rule are unknown.
        mine: The rule that you use now, in words such as "3 rounds, last answer", "2 revisions",
            "best of 5" or "self-consistency of 8", or the name of one of `strategies`; the first
            line of the comparison is about it. By default three rounds, or what comes nearest to
            them in the pool.
        prices: USD for a million tokens read, and for a million written.
        repeats: How often the pool is split and replayed, each time from another fresh draw; by
            default six times, and less often where there are more than 500 questions.
        level: Coverage of the intervals, in (0, 1).
        n_bootstrap: How often questions are resampled for them.
        seed: Of the folds, the fits and the resampling: the same pool and seed give the same
            comparison.

    Returns:
        A comparison that prints as text and shows itself in notebooks.

    Raises:
        ValueError: If an argument leaves its range, or an attempt has no label.
    """
    whole("n_bootstrap", n_bootstrap, least=1)
    whole("seed", seed)
    check_level(level)
    pool, recorded = _opened(pool, verification_tokens, seed, own_rules=strategies is None)
    if pool.censored:
        strategies, mine = rules_of_own_loop(pool), mine or OWN_LOOP
    if repeats is None:
        repeats = max(1, min(_REPEATS, _RUNS // len(pool)))
    whole("repeats", repeats, least=1)
    settings = CrossfitSettings(
        costs=_checked_costs(costs),
        variants=_checked_variants(variants),
        max_rounds=max_rounds,
        actions=_recorded_actions(pool) if actions is None else tuple(actions),
        choices=choices,
        budget=_checked_budget(budget, pool),
        seed=seed,
        mine=_rule_to_replace(mine, strategies, pool),
    )
    paid = None if prices is None else _checked_prices(prices)

    def fit(traces: Sequence[Trace]) -> Calibration:
        if calibration is not None:
            return calibration
        fit_rates = partial(Calibration.fit, seed=seed, delivery=False)
        if pool.censored:  # promises are not measured on runs that a rule has ended
            return fit_rates(traces, n_bootstrap=DECISION_DRAWS)
        fit_half = partial(fit_rates, n_bootstrap=0)
        delivery = measure_delivery(
            traces, fit_half, only=settings.actions, plan_check=False, seed=seed
        )
        return replace(fit_rates(traces, n_bootstrap=DECISION_DRAWS), delivery=delivery)

    def predict(traces: Sequence[Trace], fitted: Calibration) -> WeightsOf:
        from langchain_markovscale.calibration.predictor import ClassPredictor

        predictor = ClassPredictor.fit(traces, fitted, seed=seed)
        return lambda traces: predictor.weights_of(
            [trace["question"] for trace in traces], [trace.get("features") for trace in traces]
        )

    crossfit = Crossfit(pool, settings, strategies, fit, predict)
    for repeat in range(repeats):
        crossfit.run(repeat)
    tallies = crossfit.tallies
    sample = contrasts.Sample.of(
        tallies,
        settings.budget,
        repeats,
        round_price=Prices.of(pool, settings.budget).round,
        resamples=n_bootstrap,
        seed=seed,
        level=level,
    )
    rows = contrasts.rows(tallies, sample, repeats)
    replaced = _replaced(mine, settings, strategies, rows)
    switch = sample.switch(replaced, settings.variants[0], rows, assumed=mine is None)
    return Comparison(
        ComparisonFindings(
            rows=rows,
            switch=switch,
            prices=paid,
            duels=tuple(duel for variant in settings.variants for duel in sample.duels(variant)),
            standings=tuple(
                each for variant in settings.variants for each in sample.standings(variant)
            ),
            budget=settings.budget,
            questions=len(pool),
            recorded=recorded,
            repeats=repeats,
            level=level,
            seed=seed,
            max_rounds=max_rounds,
            unverified=_unverified(crossfit, settings, repeats),
            source=None if calibration is None else calibration.source,
            left_out=_left_out(pool) if strategies is None else (),
            censored=pool.censored,
            reading_counts=pool.reading_counts,
            attempts=sum(len(trace["attempts"]) for trace in pool.traces),
            no_key=count_without_key(each for trace in pool.traces for each in trace["attempts"]),
        )
    )


def _opened(
    pool: Pool | Iterable[Trace] | str | PathLike[str],
    verification_tokens: float | None,
    seed: int,
    *,
    own_rules: bool,
) -> tuple[Pool, int]:
    """Return the pool, or one of a sample of its questions, and how many traces there are."""
    if isinstance(pool, Pool):
        if verification_tokens is None:
            return pool, len(pool)
        return Pool(pool.traces, verification_tokens=verification_tokens), len(pool)
    sample = QuestionSample(_MOST_QUESTIONS, seed)
    traces = read_traces(pool) if isinstance(pool, (str, PathLike)) else map(checked, pool)
    for trace in traces:
        sample.add(cast("Trace", trace))
    made = Pool(sample.traces, verification_tokens=verification_tokens, takes_censored=own_rules)
    return made, sample.taken


def _checked_costs(costs: Sequence[float]) -> tuple[float, ...]:
    """Return the costs from the highest to the lowest, each once."""
    values = np.asarray(costs, dtype=np.float64)
    if values.ndim != 1 or not values.size or not (np.isfinite(values) & (values > 0)).all():
        raise ArgumentError(
            "costs", f"must hold at least one cost above 0, in units of accuracy, got {costs!r}."
        )
    return tuple(np.unique(round_cost("costs", costs))[::-1].tolist())


def _checked_variants(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    valid = get_args(Variant)
    if isinstance(variants, str) or not variants or any(each not in valid for each in variants):
        names = ", ".join(map(repr, valid))
        raise ArgumentError("variants", f"must name at least one of {names}, got {variants!r}.")
    return tuple(dict.fromkeys(variants))


def _recorded_actions(pool: Pool) -> tuple[Action, ...]:
    """Return the actions that were recorded; both where neither was."""
    found: list[Action] = []
    if pool.longest_chain > 1:
        found.append("revise")
    if pool.most_draws > 1:
        found.append("generate")
    return tuple(found) or get_args(Action)


def _checked_budget(wanted: BudgetUnit | None, pool: Pool) -> BudgetUnit:
    if wanted is None:
        return "tokens" if pool.priced else "attempts"
    if wanted not in get_args(BudgetUnit):
        names = ", ".join(map(repr, get_args(BudgetUnit)))
        raise ArgumentError("budget", f"must be one of {names}, got {wanted!r}.")
    if wanted == "tokens" and not pool.priced:
        raise ArgumentError(
            "budget",
            "must be 'calls' or 'attempts' where the tokens of some attempt or verification are "
            "unknown, got 'tokens': record them, or give verification_tokens.",
        )
    return wanted


def _unverified(crossfit: Crossfit[Calibration], settings: CrossfitSettings, repeats: int) -> float:
    first = settings.variants[0]
    declined = sum(n for rule, n in crossfit.declined.items() if rule.variant == first)
    return declined / (len(settings.costs) * len(crossfit.pool) * repeats)


def _left_out(pool: Pool) -> tuple[str, ...]:
    reasons = (
        (pool.scored, "rules that look at scores, since no attempt has a score"),
        (pool.keyed, "votes among answers, since no answer has a key"),
        (pool.criticised, "the critic-silent rule, since no feedback was recorded"),
        (pool.most_draws > 1, "rules that draw afresh, since each question has one fresh draw"),
        (pool.longest_chain > 1, "rules that revise, since no revision was recorded"),
    )
    return tuple(reason for there, reason in reasons if not there)


def _rule_to_replace(
    mine: str | None, strategies: Strategies[Calibration] | None, pool: Pool
) -> NamedRule | None:
    """Return the rule to add; None where it is among those given, or is to be chosen later."""
    if mine is None:
        if strategies is not None:
            return None
        usual = f"{min(_USUAL_ROUNDS, pool.longest_chain)} rounds"
        if pool.longest_chain == 1 < pool.most_draws and pool.keyed:
            usual = f"self-consistency of {min(_USUAL_ROUNDS, pool.most_draws)}"
        return rule_named(usual)
    if callable(strategies) or mine in (strategies or {}):
        return None
    rule = rule_named(mine)
    rule.check(pool)
    if pool.censored and rule.revises > 1:
        raise ArgumentError(
            "mine",
            f"cannot be {rule.name!r} where the loop's own rule ended every run: name one of "
            f"{', '.join(strategies or {})}.",
        )
    return rule


def _replaced(
    mine: str | None,
    settings: CrossfitSettings,
    strategies: Strategies[Calibration] | None,
    rows: Sequence[RuleResult],
) -> str:
    """Return the name of the rule in whose place MarkovScale is put."""
    if settings.mine is not None:
        return settings.mine.name
    names = [row.rule.name for row in rows if row.rule.kind == "rule"]
    if mine is None:
        return next((name for name in names if name != SINGLE_PASS), SINGLE_PASS)
    if mine not in names:
        raise ArgumentError(
            "mine", f"must be one of the names of strategies, {', '.join(names)}, got {mine!r}."
        )
    return mine


def _checked_prices(prices: tuple[float, float]) -> TokenPrices:
    problem = f"must be two prices of at least 0, in USD for a million tokens, got {prices!r}."
    try:
        read, written = prices
        return TokenPrices(
            float(non_negative("prices", read)), float(non_negative("prices", written))
        )
    except (TypeError, ValueError):
        raise ArgumentError("prices", problem) from None
