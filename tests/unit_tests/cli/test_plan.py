import json
from math import inf, log

import pytest
from typer.testing import CliRunner

from langchain_markovscale import Criterion, Rates, TwoStateChain
from langchain_markovscale.cli.app import app
from langchain_markovscale.cli.plan_rows import verified_threshold

LOOP = ["plan", "--initial", ".6", "--repair", ".3", "--corruption", ".1", "--cost", ".02"]
VERIFIER = ["--sensitivity", ".85", "--specificity", ".8"]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    return result.stdout


def as_json(*arguments: str) -> dict[str, dict[str, object]]:
    return json.loads(run(*arguments, "--json"))  # type: ignore[no-any-return]


def test_json_holds_what_the_formulas_give() -> None:
    blind = as_json(*LOOP)["blind"]
    assert blind["regime"] == "improving"
    assert blind["stationary_accuracy"] == pytest.approx(0.3 / 0.4)
    assert blind["eigenvalue"] == pytest.approx(0.6)
    assert blind["half_life"] == pytest.approx(log(2) / -log(0.6))
    assert blind["threshold"] == pytest.approx(0.75 - 0.02 / 0.4)
    assert blind["bounds"] == pytest.approx({"lower": 0.6, "neutral": 0.75, "upper": 0.75})


def test_the_best_number_of_rounds_is_the_best_row_of_the_table() -> None:
    made = as_json(*LOOP)
    accuracy = made["accuracy"]["blind"]
    assert isinstance(accuracy, list)
    net = [value - 0.02 * index for index, value in enumerate(accuracy)]
    assert made["blind"]["optimal_rounds"] == net.index(max(net)) == 3
    table = run(*LOOP)
    (starred,) = [line for line in table.splitlines() if line.rstrip().endswith("*")]
    assert starred.split()[0] == "3"


def test_accuracy_by_round_follows_the_chain_step_by_step() -> None:
    made = as_json(*LOOP, *VERIFIER)["accuracy"]
    blind, gated = 0.6, 0.6
    for index in range(8):
        assert made["blind"][index] == pytest.approx(blind)  # type: ignore[index]
        assert made["gated"][index] == pytest.approx(gated)  # type: ignore[index]
        blind = blind * 0.9 + (1 - blind) * 0.3
        gated = gated * (1 - 0.1 * 0.15) + (1 - gated) * 0.3 * 0.8


def test_the_verified_threshold_is_where_the_criterion_changes_its_mind() -> None:
    chain = TwoStateChain(0.3, 0.1)
    threshold = verified_threshold(chain, 0.6, 0.02, 0.85, 0.8, max_rounds=8)

    def goes_on(belief: float) -> bool:
        # One attempt without a score: the belief is the initial accuracy.
        rates = Rates((1.0,), (belief,), (0.3,), (0.1,), (0.85,), (0.8,), verdict_correlation=0.0)
        criterion = Criterion(rates, 0.02, max_rounds=8, actions=("revise",))
        made = criterion.decide(
            [
                {
                    "text": "?",
                    "key": "a",
                    "score": None,
                    "action": "generate",
                    "parent": None,
                    "feedback": None,
                    "tokens": None,
                }
            ]
        )
        return made["action"] != "stop"

    assert goes_on(threshold - 1e-6)
    assert not goes_on(threshold + 1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--initial", ".8", "--repair", ".2", "--corruption", ".5"], "revising lowers accuracy"),
        (["--initial", ".5", "--repair", ".2", "--corruption", ".2"], "are at 50% already"),
        (["--initial", ".3", "--repair", "0", "--corruption", "0"], "No revision changes whether"),
        (
            ["--initial", ".2", "--repair", "1", "--corruption", "1"],
            "makes right answers wrong and wrong answers right",
        ),
        (
            ["--initial", ".2", "--repair", ".5", "--corruption", ".5"],
            "One revision reaches the level",
        ),
        (
            ["--initial", ".2", "--repair", ".5", "--corruption", ".1", "--cost", "0"],
            "Revisions that cost nothing always pay",
        ),
        (["--initial", ".8", "--repair", ".2", "--corruption", ".5"], "Keep the first answer"),
    ],
)
def test_every_regime_is_told_in_words(arguments: list[str], words: str) -> None:
    assert words in " ".join(run("plan", *arguments).split())


def test_without_limit_there_is_null_and_never_infinity_in_json() -> None:
    out = run("plan", "--initial", ".3", "--repair", "0", "--corruption", "0", "--json")
    blind = json.loads(out, parse_constant=pytest.fail)["blind"]
    assert blind["stationary_accuracy"] is None
    assert blind["half_life"] is None
    assert TwoStateChain(0, 0).half_life == inf


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "words"),
    [
        (".9", ".8", "carry information"),
        (".5", ".5", "say nothing"),
        (".2", ".3", "wrong more often than right"),
    ],
)
def test_a_verifier_no_better_than_chance_is_called_that(
    sensitivity: str, specificity: str, words: str
) -> None:
    out = run(*LOOP, "--sensitivity", sensitivity, "--specificity", specificity)
    assert words in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--initial", "1.3", "--repair", ".3", "--corruption", ".1"], "--initial must be"),
        (["--initial", "nan", "--repair", ".3", "--corruption", ".1"], "--initial must be"),
        (["--initial", ".3", "--repair", "-.3", "--corruption", ".1"], "repair"),
        ([*LOOP[1:], "--cost", "-1"], "cost"),
        ([*LOOP[1:], "--sensitivity", ".9"], "--specificity"),
        ([*LOOP[1:], "--sensitivity", "2", "--specificity", ".5"], "sensitivity"),
        ([*LOOP[1:], "--max-rounds", "0"], "--max-rounds"),
    ],
)
def test_bad_rates_are_one_line_and_exit_code_2(arguments: list[str], named: str) -> None:
    result = CliRunner().invoke(app, ["plan", *arguments])
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert named in line
