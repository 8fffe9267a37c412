"""Random rates and random runs of attempts, for properties that hold for all of them."""

from dataclasses import replace

from hypothesis import strategies as st
from worlds import attempt

from langchain_markovscale import Rates
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores

chances = st.floats(0.02, 0.98)
scores = st.one_of(st.none(), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]), st.floats(0, 1))
score_ratios = st.one_of(
    st.just(((), ())),
    st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(
        lambda r: ((0.3, 0.7), tuple(sorted(r)))
    ),
)
two_valued_scores = st.builds(
    TwoValuedScores, st.floats(-2, 2), st.floats(-2, 2), st.floats(-0.5, 0.5), st.floats(0, 1.5)
)
graded_scores = st.builds(
    GradedScores,
    right=st.floats(-1, 1),
    wrong=st.floats(-1, 1),
    right_spread=st.floats(0.5, 1.5),
    wrong_spread=st.floats(0.5, 1.5),
    difficulty=st.floats(-0.5, 0.5),
    intercept=st.floats(0, 1.5),
    scores=st.just((0.1, 0.4, 0.5, 0.9)),
    quantiles=st.just((-2.0, -0.3, 0.2, 1.7)),
)
any_scores = st.one_of(two_valued_scores, graded_scores)
unlimited = st.none()
limited = st.sampled_from([1.0, 2.0, 3.0])
any_plausible = st.one_of(unlimited, limited, st.sampled_from([1.01, 1.7]))
"""How many times 1/κ wrong answers there may be; at 1 they are equally likely for ever."""


@st.composite
def rates(
    draw, coincidences=(1.0, 0.5, 1 / 3, 0.37, 0.05), most_classes=4, plausible=any_plausible
):
    """Rates of up to `most_classes` classes, none of them quite 0 or 1."""
    n = draw(st.integers(1, most_classes))
    shares = draw(st.lists(st.floats(0.05, 1), min_size=n, max_size=n))
    per_class = st.lists(chances, min_size=n, max_size=n).map(tuple)
    cuts, ratios = draw(score_ratios)
    coincidence, times = draw(st.sampled_from(coincidences)), draw(plausible)
    return Rates(
        weights=tuple(share / sum(shares) for share in shares),
        initial=draw(per_class),
        repair=draw(per_class),
        corruption=draw(per_class),
        sensitivity=draw(per_class),
        specificity=draw(per_class),
        accept_threshold=draw(st.sampled_from([0.3, 0.5, 0.8])),
        settling=draw(st.sampled_from([1.0, 0.9, 0.4])),
        coincidence=coincidence,
        plausible_wrong=None if times is None else times / coincidence,
        retention=draw(per_class),
        verdict_correlation=draw(st.sampled_from([0.0, 0.35, 1.0])),
        score_cuts=cuts,
        score_log_ratios=ratios,
    )


@st.composite
def scored_rates(draw, scores=any_scores, **arguments):
    """Rates whose scores have an intercept by question."""
    known = draw(rates(most_classes=2, **arguments))
    return replace(known, scores=draw(scores), score_cuts=(), score_log_ratios=())


@st.composite
def runs(draw, keys=("a", "b", "c", None), most=6):
    """Up to `most` attempts, each a fresh draw or a revision of any earlier one."""
    attempts = []
    for index in range(draw(st.integers(1, most))):
        parent = draw(st.one_of(st.none(), st.integers(0, index - 1))) if index else None
        attempts.append(attempt(draw(st.sampled_from(keys)), draw(scores), parent))
    return attempts
