"""What a judge of groundedness is shown, and what it makes of documents of any form."""

import asyncio
import re

import pytest
from hostile_texts import HOSTILE
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from langchain_markovscale import GroundednessVerifier
from langchain_markovscale.verifiers.groundedness import GROUNDEDNESS_FORMAT

FAIL = "CRITIQUE: It says 1874.\nVERDICT: FAIL\nPROBABILITY: 0.05"


class Judge:
    """Keeps its prompts."""

    def __init__(self, reply=FAIL):
        self.prompts = []
        self.model = RunnableLambda(lambda prompt: self.prompts.append(prompt) or AIMessage(reply))

    @property
    def text(self):
        return "\n".join(message.text for message in self.prompts[-1])


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
    judge = Judge()
    verdict = GroundednessVerifier(judge.model).invoke(given(context))
    assert shown(judge.text) == ["Built in 1874.", "31 metres high."]
    assert verdict["score"] == pytest.approx(0.05)
    assert verdict["feedback"] == "It says 1874."


def test_only_the_named_part_of_the_context_is_shown():
    judge = Judge()
    context = {"context": [Document("Built in 1874.")], "language": "English"}
    verifier = GroundednessVerifier(judge.model, documents_key="context")
    asyncio.run(verifier.ainvoke(given(context)))
    assert shown(judge.text) == ["Built in 1874."]


def test_nothing_retrieved_is_said():
    judge = Judge()
    GroundednessVerifier(judge.model).invoke(given({"context": []}))
    assert "(none were found)" in judge.text


def test_answer_without_context_says_what_the_generator_must_return():
    with pytest.raises(ValueError, match=r"GroundednessVerifier needs the documents.*'answer'"):
        GroundednessVerifier(Judge().model).invoke({"question": "When?", "answer": "In 1890."})


@pytest.mark.parametrize("context", [{"docs": []}, "Built in 1874."])
def test_missing_key_of_documents_is_named(context):
    verifier = GroundednessVerifier(Judge().model, documents_key="context")
    with pytest.raises(ValueError, match="documents_key='context'"):
        verifier.invoke(given(context))


def test_criteria_key_and_format_are_in_the_prompt():
    judge = Judge()
    verifier = GroundednessVerifier(judge.model, criteria="Years have four digits.")
    verifier.invoke(given(["Built in 1874."], key="1890"))
    assert "Criteria: Years have four digits." in judge.text
    assert re.search(r"BEGIN KEY \w+ -----\n1890\n", judge.text)
    assert judge.text.endswith(GROUNDEDNESS_FORMAT)


def test_prompt_template_gets_the_documents():
    judge = Judge()
    template = ChatPromptTemplate.from_template("{documents} | {answer} | {reply_format}")
    GroundednessVerifier(judge.model, prompt=template).invoke(given(["Built in 1874."]))
    (prompt,) = judge.prompts
    assert shown(prompt.to_string()) == ["Built in 1874."]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_document_neither_leaves_its_place_nor_grades(text):
    judge = Judge("I cannot say.")
    verdict = GroundednessVerifier(judge.model).invoke(given([text, "Built in 1874."]))
    assert len(shown(judge.text)) == 2
    assert judge.text.endswith(GROUNDEDNESS_FORMAT)
    assert verdict["score"] is None
    echoing = GroundednessVerifier(Judge(f"The document reads:\n{shown(judge.text)[0]}").model)
    assert echoing.invoke(given([text, "Built in 1874."]))["score"] is None
