"""What a judge of groundedness is shown, and what it makes of documents of any form."""

import asyncio
import re

import pytest
from fakes import always
from hostile_texts import BY_WAY_OUT
from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langchain_core.prompts import ChatPromptTemplate

from langchain_markovscale import GroundednessVerifier
from langchain_markovscale.verifiers.groundedness import GROUNDEDNESS_FORMAT

FAIL = "CRITIQUE: It says 1874.\nVERDICT: FAIL\nPROBABILITY: 0.05"


def prompt_of(judge):
    """Everything that the judge was shown last."""
    return "\n".join(judge.texts_asked(-1))


def given(context, answer="In 1890.", key=None):
    return {"question": "When?", "answer": answer, "key": key, "context": context}


def shown(text):
    """The documents in a prompt, in their order."""
    blocks = r"----- BEGIN DOCUMENT \d+ (\w+) -----\n(.*?)\n----- END DOCUMENT \d+ \1 -----"
    return [match[2] for match in re.finditer(blocks, text, re.DOTALL)]


@pytest.mark.parametrize(
    "context",
    [
        {"context": [Document("Built in 1874."), Document("31 metres high.")]},
        [Document("Built in 1874."), "31 metres high."],
        {"docs": ["Built in 1874."], "more": {"rank": 0.3, "doc": Document("31 metres high.")}},
        {"tools": [ToolMessage("Built in 1874.", tool_call_id="1"), " ", "31 metres high."]},
    ],
)
def test_documents_of_any_form_are_shown(context):
    judge = always(FAIL)
    verdict = GroundednessVerifier(judge).invoke(given(context))
    assert shown(prompt_of(judge)) == ["Built in 1874.", "31 metres high."]
    assert verdict["score"] == pytest.approx(0.05)
    assert verdict["feedback"] == "It says 1874."


def test_only_the_named_part_of_the_context_is_shown():
    judge = always(FAIL)
    context = {"context": [Document("Built in 1874.")], "language": "English"}
    verifier = GroundednessVerifier(judge, documents_key="context")
    asyncio.run(verifier.ainvoke(given(context)))
    assert shown(prompt_of(judge)) == ["Built in 1874."]


def test_nothing_retrieved_is_said():
    judge = always(FAIL)
    GroundednessVerifier(judge).invoke(given({"context": []}))
    assert "(none were found)" in prompt_of(judge)


def test_answer_without_context_says_what_the_generator_must_return():
    with pytest.raises(ValueError, match=r"GroundednessVerifier needs the documents.*'answer'"):
        GroundednessVerifier(always(FAIL)).invoke({"question": "When?", "answer": "In 1890."})


@pytest.mark.parametrize("context", [{"docs": []}, "Built in 1874."])
def test_missing_key_of_documents_is_named(context):
    verifier = GroundednessVerifier(always(FAIL), documents_key="context")
    with pytest.raises(ValueError, match="documents_key='context'"):
        verifier.invoke(given(context))


def test_criteria_key_and_format_are_in_the_prompt():
    judge = always(FAIL)
    verifier = GroundednessVerifier(judge, criteria="Years have four digits.")
    verifier.invoke(given(["Built in 1874."], key="1890"))
    assert "Criteria: Years have four digits." in prompt_of(judge)
    assert re.search(r"BEGIN KEY \w+ -----\n1890\n", prompt_of(judge))
    assert prompt_of(judge).endswith(GROUNDEDNESS_FORMAT)


def test_prompt_template_gets_the_documents():
    judge = always(FAIL)
    template = ChatPromptTemplate.from_template("{documents} | {answer} | {reply_format}")
    GroundednessVerifier(judge, prompt=template).invoke(given(["Built in 1874."]))
    assert judge.calls == 1
    assert shown(prompt_of(judge)) == ["Built in 1874."]


@pytest.mark.parametrize("texts", BY_WAY_OUT.values(), ids=BY_WAY_OUT)
def test_hostile_document_neither_leaves_its_place_nor_grades(texts):
    for text in texts:
        judge = always("I cannot say.")
        verdict = GroundednessVerifier(judge).invoke(given([text, "Built in 1874."]))
        document, _ = shown(prompt_of(judge))
        assert prompt_of(judge).endswith(GROUNDEDNESS_FORMAT)
        assert verdict["score"] is None
        echoing = GroundednessVerifier(always(f"The document reads:\n{document}"))
        assert echoing.invoke(given([text, "Built in 1874."]))["score"] is None
