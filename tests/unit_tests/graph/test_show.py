"""What `show` makes of the plain dictionaries that a graph returns."""

from typing import Any

import pytest
from fakes import ScriptedModel
from langchain_core.messages import AIMessage
from pages import Page

from langchain_markovscale import (
    Calibration,
    Criterion,
    MarkovScaleRouter,
    create_markovscale_graph,
    explain,
    show,
)
from langchain_markovscale._text import harmless
from langchain_markovscale.display.wording import percent

QUESTION = "What is 478 + 256?"
HOSTILE = (
    "724 <script>alert('x')</script> <img src=x onerror=alert(1)> | `a` *b*\n"
    "````\n# No heading ![](http://127.0.0.1/x.png)\n\x1b[31m</blockquote></div>\u202e 724"
)
RATES = Calibration.from_rates(
    initial=0.6, repair=0.3, corruption=0.1, sensitivity=0.9, specificity=0.9
)


def graph(*replies: str, **options: Any) -> Any:
    settings = {"calibration": RATES, "cost_per_round": 0.02, "max_rounds": 4, **options}
    return create_markovscale_graph(
        ScriptedModel(script=[AIMessage(text) for text in (*replies, *replies[-1:] * 4)]),
        verifier=lambda key: (float(key == "734"), f"{key} was checked"),
        answer_key="last_number",
        **settings,
    )


@pytest.fixture(scope="module")
def loop() -> Any:
    return graph(HOSTILE, "The sum is 744.", "It is 734.")


@pytest.fixture(scope="module")
def result(loop: Any) -> Any:
    return loop.invoke({"question": QUESTION})


def streamed_decisions(*replies: str) -> tuple[Any, list[Any]]:
    """A run's output and the decisions that it told of while it went on."""
    told, output = [], None
    stream = graph(*replies).stream({"question": QUESTION}, stream_mode=["custom", "values"])
    for mode, chunk in stream:
        if mode == "values":
            output = chunk
        elif chunk["type"] == "decision":
            told.append(chunk["decision"])
    return output, told


def test_a_run_shows_what_was_asked_answered_and_why_it_ended(loop: Any, result: Any) -> None:
    text = str(show(result, loop))
    assert text.startswith(f"Returned answer {result['decision']['best'] + 1} of ")
    assert QUESTION in text
    assert "It is 734." in text
    assert "calls for answers" in text
    assert "Feedback on attempt 1:\n  724 was checked" in text


def test_beliefs_along_the_way_are_those_that_the_run_had() -> None:
    output, told = streamed_decisions("724", "744", "734")
    assert len(told) > 2
    view = show(output, graph("any"))
    assert list(view.decisions) == told
    table = next(section.table for section in view.document.sections if section.title == "Attempts")
    column = table.headings.index("belief")
    for row, decision in zip(table.rows, told, strict=True):
        assert row[column].startswith(percent(decision["belief"]))
        assert row[-1] == explain(decision)


@pytest.mark.parametrize("kind", ["graph", "router", "criterion"])
def test_whatever_decided_will_do_as_the_rule(kind: str, loop: Any, result: Any) -> None:
    rule = {
        "graph": loop,
        "router": MarkovScaleRouter(RATES, cost_per_round=0.02, max_rounds=4),
        "criterion": Criterion(RATES, 0.02, 4),
    }[kind]
    assert show(result, rule) == show(result, loop)
    assert None not in show(result, rule).decisions


def test_another_rule_is_noticed_and_its_beliefs_are_left_out(result: Any) -> None:
    other = Criterion(Calibration.training_free(), 0.02, 4)
    view = show(result, other)
    assert view.decisions == (None,) * (len(result["attempts"]) - 1) + (result["decision"],)
    assert "decisions of this rule differ" in view.text


def test_without_a_rule_the_last_decision_is_shown(result: Any) -> None:
    view = show(result)
    assert view.decisions[:-1] == (None,) * (len(result["attempts"]) - 1)
    assert view.decision == result["decision"]
    assert not view.warnings


def test_what_a_model_wrote_is_text_on_the_page_and_nothing_else(loop: Any, result: Any) -> None:
    page = Page(show(result, loop).html())
    first, *others = result["attempts"]
    tame = {**result, "attempts": [{**first, "text": "It is 724, as I said."}, *others]}
    assert page.tags == Page(show(tame, loop).html()).tags
    assert harmless(HOSTILE) in "".join(page.text)


def test_what_a_model_wrote_cannot_steer_a_terminal_or_leave_its_fence(
    loop: Any, result: Any
) -> None:
    view = show(result, loop)
    assert "\x1b" not in view.text
    assert "\u202e" not in view.text
    opening = view.markdown.index("`````text\n724")
    closing = view.markdown.index("\n`````\n", opening)
    assert harmless(HOSTILE) in view.markdown[opening:closing]
    outside = view.markdown[:opening] + view.markdown[closing:]
    assert "<script>" not in outside


def test_cells_of_markdown_stay_in_their_cells() -> None:
    run = {
        "attempts": [
            {
                "text": "a | b\n<b>c</b> [d](http://127.0.0.1) `e`",
                "key": None,
                "score": None,
                "action": "generate",
                "parent": None,
                "feedback": None,
                "tokens": 7,
            }
        ]
    }
    (row,) = [line for line in show(run).markdown.splitlines() if line.startswith("| 1 |")]
    assert r"a \| b \<b>c\</b> [d\](http" in row
    assert "| 7 |" in row


def test_the_page_and_the_text_have_the_same_rows(loop: Any, result: Any) -> None:
    view = show(result, loop)
    page = Page(view.html())
    for section in view.document.sections:
        for row in section.table.rows if section.table else ():
            assert list(row) in page.rows
    assert len(result["attempts"]) == sum(row[0].isdigit() for row in page.rows)


def test_a_notebook_gets_an_element_and_a_line(result: Any) -> None:
    view = show(result)
    assert view._repr_html_().lstrip().startswith('<div class="markovscale">')
    assert repr(view) == f"<RunDisplay: {view.verdict}>"


def test_a_decision_shows_its_sentence_and_its_numbers(result: Any) -> None:
    decision = result["decision"]
    view = show(decision)
    sentence = explain(decision)
    assert view.verdict == f"{sentence[0].upper()}{sentence[1:]}."
    cells = dict(view.document.sections[0].table.rows)
    assert cells["belief that the best is right"] == percent(decision["belief"])
    assert cells["reason"] == decision["reason"]
    assert cells["best attempt"] == str(decision["best"] + 1)
    assert view.verdict in "".join(Page(view.html()).text)


def test_tokens_that_nobody_told_are_unknown_and_not_nothing() -> None:
    silent = {"calls": 2, "input_tokens": 0, "output_tokens": 0, "unknown": 2}
    some = {"calls": 2, "input_tokens": 9, "output_tokens": 4, "unknown": 1}
    told = {"calls": 1, "input_tokens": 8, "output_tokens": 1, "unknown": 0}
    usage = {"generate": silent, "revise": some, "verify": told}
    view = show({"attempts": [], "usage": usage})
    (table,) = (section.table for section in view.document.sections if section.table)
    assert table.rows == (
        ("generate", "2", "unknown", "unknown"),
        ("revise", "2", "at least 9", "at least 4"),
        ("verify", "1", "8", "1"),
    )


def test_a_run_that_failed_says_what_went_wrong() -> None:
    output = {"attempts": [], "decision": None, "usage": {}, "error": "RuntimeError: <down>"}
    view = show(output)
    assert view.verdict == "There is no answer."
    assert "RuntimeError: <down>" in view.text
    assert "RuntimeError: &lt;down&gt;" in view.html()


@pytest.mark.parametrize(
    ("value", "rule", "said"),
    [
        ({"drafts": []}, None, "value has no 'attempts'"),
        ({"messages": []}, None, "An agent keeps no more than a summary: messages"),
        ("734", None, "value must be a dictionary, got str: give what a graph"),
        ({"attempts": []}, "graph", "rule must be a graph"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_a_remedy(value: Any, rule: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        show(value, rule)


def test_the_former_name_of_the_document_goes_on(result: Any) -> None:
    view = show(result)
    with pytest.deprecated_call(match=r"RunDisplay\.content is deprecated: use \.document"):
        assert view.content == view.document
