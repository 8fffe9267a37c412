import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from langchain_markovscale import Calibration
from langchain_markovscale.cli.app import app

Scripted = Callable[..., Any]

SUM = "What is 3 + 4?"
NINES = ["--verifier", "nines", "--answer-key", "last_number", "--model", "test:model"]


def solve(*arguments: str, columns: int = 100, **options: Any) -> Any:
    environment = {"COLUMNS": str(columns), "TERM": "dumb"}
    return CliRunner().invoke(app, ["solve", *arguments], env=environment, **options)


def objects(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_loop_is_shown_round_by_round_with_its_reasons(scripted: Scripted) -> None:
    scripted("It is 8.", "It is 7.")
    result = solve(SUM, *NINES, "--cost", ".02", "--max-rounds", "2")
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert "1 8 0.00" in words
    assert "2 7 1.00" in words
    assert "fresh answer: should raise the chance of being right by" in words
    assert "stopped: all 2 attempts allowed had been made" in words
    assert "Answer: It is 7." in words
    assert "Returned answer 2 of 2, right with a probability of" in words
    assert "2 calls for answers, 2 for checks; 20 tokens read, 6 written;" in words


@pytest.mark.parametrize("columns", [80, 120])
def test_no_line_is_wider_than_the_terminal(scripted: Scripted, columns: int) -> None:
    scripted("It is 8. " * 60, "[bold]It is 7.[/bold]", "It is [/] 9")
    result = solve(SUM, *NINES, "--cost", ".001", columns=columns)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= columns


def test_markup_in_an_answer_is_text(scripted: Scripted) -> None:
    scripted("[red]7[/red] [/] :smile:")
    result = solve(SUM, *NINES, "--cost", ".49")
    assert "Answer: [red]7[/red] [/] :smile:" in result.stdout


def test_json_is_one_object_a_question_and_nothing_else(scripted: Scripted) -> None:
    scripted("It is 7.")
    result = solve(SUM, "What is 5 + 2?", *NINES, "--cost", ".49", "--json")
    assert result.exit_code == 0, result.output
    first, second = objects(result)
    assert (first["index"], second["index"]) == (0, 1)
    assert first["question"] == SUM
    assert first["answer"] == "It is 7."
    assert first["key"] == "7"
    assert first["reason"] == first["decision"]["reason"] == "gain_below_cost"
    assert first["why"].startswith("stopped: ")
    assert first["belief"] == first["decision"]["belief"]
    assert first["attempts"][0]["score"] == 1.0
    assert first["usage"]["generate"]["output_tokens"] == 3
    assert first["correct"] is None
    assert first["error"] is None


def test_a_file_is_answered_and_graded_against_its_references(
    scripted: Scripted, tmp_path: Path
) -> None:
    scripted("7")
    file = tmp_path / "questions.jsonl"
    file.write_text(
        '{"question": "What is 3 + 4?", "reference": 7, "id": "a"}\n\n'
        '{"question": "What is 3 + 3?", "reference": "6"}\n'
        '{"question": "Seven?"}\n',
        encoding="utf-8",
    )
    result = solve("--file", str(file), *NINES, "--max-rounds", "2", "--json")
    assert result.exit_code == 0, result.output
    found = {each["index"]: each for each in objects(result)}
    assert [found[index]["correct"] for index in range(3)] == [True, False, None]
    assert found[0]["id"] == "a"
    shown = solve("--file", str(file), *NINES, "--max-rounds", "2")
    words = " ".join(shown.stdout.split())
    assert "Wrong: it is 6." in words
    assert "3 of 3 questions: 1 of 2 (50%; 95% interval" in words
    assert "Deciding with: training-free prior" in shown.stderr


def test_questions_come_from_standard_input_too(scripted: Scripted) -> None:
    scripted("7")
    result = solve("--file", "-", *NINES, "--json", input='{"question": "What is 3 + 4?"}\n')
    assert [each["key"] for each in objects(result)] == ["7"]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"question": "x"', "is not JSON"),
        ('["x"]', "must be a pair (question, reference) or a mapping"),
        ('{"query": "x"}', "must have a question with text"),
        ('{"question": "  "}', "must have a question with text"),
        ('{"question": "x", "reference": true}', "must have one string or number as its reference"),
    ],
)
def test_a_bad_line_of_a_file_is_named(
    scripted: Scripted, tmp_path: Path, line: str, named: str
) -> None:
    model = scripted("7")
    file = tmp_path / "questions.jsonl"
    file.write_text(f'{{"question": "ok"}}\n{line}\n', encoding="utf-8")
    result = solve("--file", str(file), *NINES)
    assert result.exit_code == 2
    assert f"{file}, line 2 " in result.stderr
    assert named in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert model.asked == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "give questions as arguments or with --file"),
        (["x", "--file", "y"], "give questions as arguments or with --file"),
        ([" "], "a question must have text"),
        (["--file", "/nowhere/q.jsonl"], "--file /nowhere/q.jsonl: there is no such file"),
        ([SUM, "--verifier", "ten"], "no such verifier. It may be none"),
        ([SUM, "--verifier", "nines:x"], "no such verifier"),
        ([SUM, "--verifier", "none"], "--answer-key"),
        ([SUM, "--answer-key", "first"], "last_number"),
        ([SUM, "--cost", "-1"], "--cost must be"),
        ([SUM, "--cost", "nan"], "--cost must be"),
        ([SUM, "--max-rounds", "0"], "--max-rounds must be"),
        ([SUM, "--actions", "guess"], "--actions must name"),
        ([SUM, "--calibration", "/nowhere.json"], "--calibration /nowhere.json: there is no"),
        ([SUM, "--verifier", "judge:ten"], "--verifier judge:ten: no such model"),
        ([SUM, "--verifier", "none", "--model", "ten"], "--model ten: no such model"),
    ],
)
def test_bad_input_is_one_line_and_no_call(
    scripted: Scripted, arguments: list[str], named: str
) -> None:
    model = scripted("7")
    result = solve(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert named in line
    assert model.asked == []


def test_what_a_model_wrote_cannot_steer_the_terminal(scripted: Scripted, tmp_path: Path) -> None:
    scripted("\x1b[31mIt is\x07 7.\u202e")
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps({"question": f"\x1b]0;title\x07 {SUM}"}))
    for arguments in ([SUM, *NINES], ["--file", str(path), "--verifier", "judge"]):
        shown = solve(*arguments, "--model", "test:model").stdout
        assert "It is" in shown
        assert not set("\x1b\x07\u202e") & set(shown)


def test_a_model_that_fails_on_one_question_loses_no_other(scripted: Scripted) -> None:
    scripted(RuntimeError("no tokens left"), "7")
    result = solve("What is 1 + 1?", SUM, *NINES, "--cost", ".49", "--json")
    assert result.exit_code == 1
    failed, answered = objects(result)
    assert failed["answer"] is None
    assert failed["reason"] == "error"
    assert failed["error"] == "RuntimeError: no tokens left"
    assert answered["key"] == "7"
    shown = solve("What is 1 + 1?", *NINES)
    assert "Returned" in shown.stdout or "No answer: RuntimeError: no tokens left" in shown.stdout


def test_a_failure_after_an_answer_returns_that_answer(scripted: Scripted) -> None:
    scripted("It is 8.", RuntimeError("line cut"))
    result = solve(SUM, *NINES, "--cost", ".01")
    assert result.exit_code == 1
    words = " ".join(result.stdout.split())
    assert "Answer: It is 8." in words
    assert "Stopped: a call failed; answer 1 is the best so far." in words
    assert "What failed: RuntimeError: line cut" in words


def test_ctrl_c_prints_what_is_done_and_exits_with_130(scripted: Scripted) -> None:
    scripted("It is 8.", KeyboardInterrupt())
    result = solve(SUM, "What is 1 + 1?", *NINES, "--cost", ".01", "--json")
    assert result.exit_code == 130
    (only,) = objects(result)
    assert only["answer"] == "It is 8."
    assert only["reason"] == "interrupted"
    assert "Interrupted: 1 of 2 questions have an answer." in result.stderr


def test_a_calibration_file_decides(scripted: Scripted, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    rates = {"initial": 0.99, "repair": 0.01, "corruption": 0.5}
    Calibration.from_rates(**rates).save(path)
    scripted("It is 8.")
    result = solve(SUM, *NINES, "--calibration", str(path), "--json")
    assert len(objects(result)[0]["attempts"]) == 1
    without = solve(SUM, *NINES, "--json")
    assert len(objects(without)[0]["attempts"]) > 1


def test_actions_limit_what_the_loop_may_do(scripted: Scripted) -> None:
    scripted("It is 8.")
    result = solve(SUM, *NINES, "--actions", "revise", "--max-rounds", "3", "--json")
    made = [attempt["action"] for attempt in objects(result)[0]["attempts"]]
    assert made[0] == "generate"
    assert set(made[1:]) <= {"revise"}


def test_draws_at_once_are_shown_with_the_decision_after_them(scripted: Scripted) -> None:
    scripted("It is 8.", "It is 8.", "It is 8.", "It is 8.")
    several = ["--actions", "generate", "--cost", "0", "--max-rounds", "4", "--draws-at-once", "2"]
    result = solve(SUM, *NINES, *several)
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert words.count("made at the same time as the next") == 2
    assert "2 fresh answers at once: should" in words
    assert "stopped: all 4 attempts allowed had been made" in words


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--draws-at-once", "0", "--draws-at-once must be a whole number of at least 1, or auto"),
        ("--draws-at-once", "many", "or auto, got 'many'"),
        ("--cost-per-second", "-1", "--cost-per-second"),
    ],
)
def test_bad_numbers_of_draws_at_once_are_named(
    option: str, value: str, told: str, scripted: Scripted
) -> None:
    model = scripted("never")
    result = solve(SUM, *NINES, option, value)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not model.calls


def test_agreement_is_evidence_without_a_verifier(scripted: Scripted) -> None:
    scripted("7")
    arguments = ["--verifier", "none", "--answer-key", "last_number", "--actions", "generate"]
    result = solve(SUM, *arguments, "--cost", ".005", "--json")
    (made,) = objects(result)
    assert len(made["attempts"]) > 1
    assert {attempt["score"] for attempt in made["attempts"]} == {None}


def test_the_model_judges_itself_by_default(scripted: Scripted) -> None:
    model = scripted("It is 7.", "CRITIQUE: none\nVERDICT: PASS\nPROBABILITY: 0.9")
    result = solve(SUM, "--model", "test:model", "--max-rounds", "1", "--json")
    (made,) = objects(result)
    assert made["attempts"][0]["score"] == pytest.approx(0.9)
    assert len(model.asked) == 2


def test_a_seed_repeats_runs_and_still_varies_draws(scripted: Scripted) -> None:
    arguments = [SUM, *NINES, "--max-rounds", "3", "--actions", "generate"]

    def seeds(seed: str) -> list[int]:
        model = scripted("8", "9", "10")
        assert solve(*arguments, "--seed", seed).exit_code == 0
        return [options["seed"] for options in model.options]

    assert seeds("1") == seeds("1")
    assert len(set(seeds("1"))) == 3
    assert seeds("1") != seeds("2")
