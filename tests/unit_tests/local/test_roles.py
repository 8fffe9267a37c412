"""Conversations for chat templates that know no system role, or want roles to alternate."""

import math

import pytest
from fakes import ScriptedModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from test_reward import asked, outcome_model
from tiny_models import TEMPLATE, tiny_pipeline, tiny_tokenizer

from langchain_markovscale import (
    BatchedChatHuggingFace,
    JudgeVerifier,
    Prompts,
    RewardModelVerifier,
    create_markovscale_graph,
)
from langchain_markovscale._models import in_two_roles, joined
from langchain_markovscale.local.chat_template import conversation_text

GEMMA_2 = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}"
    "{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}"
    "{% endfor %}"
)
LLAMA_2 = (  # takes a system message, and then wants roles to alternate
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}"
    "{% set system = '<<SYS>>' + messages[0]['content'] + '<</SYS>>' %}"
    "{% else %}{% set rest = messages %}{% set system = '' %}{% endif %}{{ system }}"
    "{% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
)
DROPPING = (
    "{% for m in messages if m.role != 'system' %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
)
STRICT = {"gemma": GEMMA_2, "mistral": MISTRAL, "llama": LLAMA_2, "dropping": DROPPING}
SYSTEM, HUMAN, AI = SystemMessage("Be brief."), HumanMessage("2 + 2?"), AIMessage("Four")
CONVERSATIONS = {
    "judge": [SYSTEM, HUMAN],
    "blocks": [SystemMessage([{"type": "text", "text": "Be brief."}]), HUMAN],
    "two_humans": [SYSTEM, HumanMessage("Now:"), HUMAN],
    "revision": [SYSTEM, HUMAN, AI, HumanMessage("Check it.")],
    "two_of_each": [SYSTEM, HUMAN, HumanMessage("So?"), AI, AIMessage("I mean 4"), HUMAN, HUMAN],
    "systems": [SYSTEM, SystemMessage("Be kind."), HUMAN],
    "late_system": [HUMAN, AI, SystemMessage("Be kind."), HUMAN],
    "system_alone": [SYSTEM],
}


def tokenizer_with(template):
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


@pytest.mark.parametrize("template", STRICT.values(), ids=STRICT)
@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_strict_template_shows_all_that_was_said_in_order(template, messages):
    text = conversation_text(tokenizer_with(template), messages)
    position = 0
    for message in messages:
        if message.type != "system":
            position = text.index(message.text, position) + len(message.text)
        assert message.text in text
    assert text.count("Be brief.") == sum(message.text == "Be brief." for message in messages)


def test_a_template_that_takes_all_roles_is_left_alone():
    messages = CONVERSATIONS["two_of_each"]
    text = conversation_text(tokenizer_with(TEMPLATE), messages)
    assert text.count("user: ") == 4
    assert text.startswith("<s>system: Be brief.")
    system_kept = conversation_text(tokenizer_with(LLAMA_2), CONVERSATIONS["two_humans"])
    assert system_kept.startswith("<<SYS>>Be brief.<</SYS>>user: Now:\n\n2 + 2?")


def test_what_no_form_of_it_fits_is_an_error_with_the_templates_words():
    template = "{{ raise_exception('Roles must alternate') }}"
    with pytest.raises(ValueError, match=r"refused by the chat template.*must alternate"):
        conversation_text(tokenizer_with(template), [AI, HUMAN])


def test_pictures_and_calls_stay_as_they_are():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    (both,) = in_two_roles([SYSTEM, HumanMessage([picture]), HumanMessage("What is it?")])
    assert picture in both.content
    calling = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
    assert joined([calling, calling]) == [calling, calling]


@pytest.mark.parametrize("template", STRICT.values(), ids=STRICT)
async def test_a_local_model_answers_judges_and_revises(template):
    llm = tiny_pipeline()
    llm.pipeline.tokenizer.chat_template = template
    model = BatchedChatHuggingFace(llm=llm, max_tokens=4)
    judge = JudgeVerifier(model)
    given = {"question": "2 + 2?", "answer": "4", "key": None}
    graph = create_markovscale_graph(
        model,
        verifier=lambda answer: (0.1, "no"),
        prompts=Prompts(system="Be brief."),
        actions=("revise",),
        max_rounds=2,
        cost_per_round=0,
    )
    model.engine.end_tokens = frozenset()
    model.engine.context = 10_000  # of the tiny model's own; only whether it is asked counts
    try:
        assert conversation_text(model.tokenizer, judge._messages(judge._blocks(given)))
        state = graph.invoke({"question": "2 + 2?"})
        assert state["error"] is None
    finally:
        model.close()


@pytest.mark.parametrize("template", STRICT.values(), ids=STRICT)
def test_a_reward_model_is_shown_its_system_message(template):
    verifier = RewardModelVerifier(
        outcome_model(), tokenizer_with(template), system="Please reason."
    )
    score = verifier.invoke(asked("4"))["score"]
    assert not math.isnan(score)
    assert "Please reason." in verifier._text(asked("4"))
    verifier.close()


class BadRequest(Exception):
    """What a client raises where a server refuses a request."""


WORDS = [
    "Error code: 400 - {'message': 'System role not supported'}",
    "Conversation roles must alternate user/assistant/user/assistant/...",
    "After the optional system message, conversation roles must alternate user/assistant",
    "Only user and assistant roles are supported!",
    "Developer instruction is not enabled: the system role is not supported by this model",
]


def strict(words):
    """A line of a model on a server whose template has no system role."""

    def line(messages):
        if any(message.type == "system" for message in messages):
            return BadRequest(words)
        return "VERDICT: FAIL\nPROBABILITY: 0.05"

    return line


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("prompt", [None, "own", "template"])
async def test_a_judge_on_a_server_is_asked_in_the_roles_that_it_knows(words, prompt):
    template = ChatPromptTemplate([("system", "Grade."), ("human", "{question}{answer}")])
    prompts = {None: None, "own": "Grade.", "template": template}
    model = ScriptedModel(script=[strict(words)], repeat=True)
    judge = JudgeVerifier(model, prompt=prompts[prompt])
    given = {"question": "2 + 2?", "answer": "5", "key": None}
    assert judge.invoke(given)["score"] == 0.05
    assert (await judge.ainvoke(given))["score"] == 0.05
    system, human = model.asked[0]
    (merged,) = model.asked[1]
    assert merged.text == f"{system.text}\n\n{human.text}"
    assert len(model.asked) == 4


def test_another_error_of_a_judge_rises_at_once():
    model = ScriptedModel(script=[ConnectionError("the system is not there")])
    with pytest.raises(ConnectionError):
        JudgeVerifier(model).invoke({"question": "2 + 2?", "answer": "5", "key": None})
    whole = RunnableLambda(lambda given: "all in one text")
    model = ScriptedModel(script=[BadRequest(WORDS[0])])
    with pytest.raises(BadRequest):
        JudgeVerifier(model, prompt=whole).invoke({"question": "?", "answer": "5", "key": None})
