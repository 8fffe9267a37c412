"""Chat templates that refuse or drop a part of a conversation, each in its own way."""

import re

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from test_roles import CONVERSATIONS, STRICT, tokenizer_with
from tiny_models import TEMPLATE, tiny_pipeline

from langchain_markovscale import BatchedChatHuggingFace, JudgeVerifier
from langchain_markovscale._models import in_two_roles, with_system_first
from langchain_markovscale.local.chat_template import conversation_text


def template(body, before=""):
    """One that writes each message by `body`, of the message `m` and its role."""
    return (
        f"{before}{{% for m in messages %}}{{% set role = m['role'] %}}{body}{{% endfor %}}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )


def refusing(condition):
    return (
        f"{{% if {condition} %}}{{{{ raise_exception('No: this is not supported') }}}}{{% endif %}}"
    )


LINE = "<{{ role }}>{{ m['content'] }}\n"
CALLS = "{% if m['tool_calls'] %}{{ m['tool_calls'] | tojson }}{% endif %}"
TEXT_OF_BLOCKS = "<{{ role }}>{% for b in m['content'] %}{{ b['text'] }}{% endfor %}\n"
ONE_CALL = refusing("m['tool_calls'] and m['tool_calls'] | length != 1")
NO_TOOLS = refusing("role not in ['system', 'user', 'assistant']")
TEMPLATES = {
    "late_system": template(refusing("role == 'system' and not loop.first") + LINE + CALLS),
    "two_users": template(
        refusing("role == 'user' and loop.previtem and loop.previtem['role'] == 'user'") + LINE
    ),
    "assistant_first": template(LINE, refusing("messages[0]['role'] == 'assistant'")),
    "assistant_last": template(LINE, refusing("messages[-1]['role'] != 'user'")),
    "empty": template(refusing("not m['content'] | trim") + LINE),
    "none": template(refusing("m['content'] is none") + LINE),
    "blocks_alone": template(TEXT_OF_BLOCKS),
    "blocks_demanded": template(refusing("m['content'] is string") + TEXT_OF_BLOCKS),
    "either": template(
        "{% if m['content'] is string %}" + LINE + "{% else %}" + TEXT_OF_BLOCKS + "{% endif %}"
    ),
    "no_tools": template(NO_TOOLS + LINE),
    "tools_dropped": template("{% if role in ['user', 'assistant'] %}" + LINE + "{% endif %}"),
    "one_call": template(ONE_CALL + LINE + CALLS),
    "nine_letters": template(
        "{% for c in m['tool_calls'] or [] %}"
        + refusing("c['id'] | length != 9")
        + "{% endfor %}"
        + refusing("role == 'tool' and m['tool_call_id'] | length != 9")
        + LINE
        + CALLS
    ),
    "calls_without_content": template(
        "{% if role == 'assistant' and m['content'] is none %}"
        + CALLS
        + "{% else %}"
        + LINE
        # which drops the calls of a message that has content
        + "{% endif %}"
    ),
    "joined_by_plus": template("{{ '<' + role + '>' + m['content'] + '\n' }}"),  # a TypeError
    "generation": template(
        "{% if role == 'assistant' %}<assistant>{% generation %}{{ m['content'] }}"
        "{% endgeneration %}{% else %}" + LINE + "{% endif %}"
    ),
    "json": template("{{ m | tojson }}\n"),
}
PARALLEL = AIMessage(
    "I look both up.",
    tool_calls=[
        {"name": "weather", "args": {"city": "Zürich"}, "id": "call_Pq8Zr1sYt2"},
        {"name": "clock", "args": {}, "id": "call_Xm4Lk9wVb7"},
    ],
)
RESULTS = [
    ToolMessage('It is "mild"\nand dry', tool_call_id="call_Pq8Zr1sYt2", name="weather"),
    ToolMessage("noon", tool_call_id="call_Xm4Lk9wVb7"),
]
SILENT = AIMessage("", tool_calls=[{"name": "clock", "args": {}, "id": "a"}])
NOON = ToolMessage("noon", tool_call_id="a")
ASKED = HumanMessage("Shall I go out?")
MORE = {
    "greeting": [AIMessage("How can I help?"), ASKED],
    "greeting_by_order": [SystemMessage("Be brief."), AIMessage("How can I help?"), ASKED],
    "agent": [SystemMessage("Be brief."), ASKED, PARALLEL, *RESULTS],
    "agent_goes_on": [
        ASKED,
        SILENT,
        ToolMessage("noon", tool_call_id="a"),
        AIMessage("Go."),
        ASKED,
    ],
    "nothing_said": [SystemMessage(""), ASKED, AIMessage(""), HumanMessage("Well?")],
    "blocks": [HumanMessage([{"type": "text", "text": "So:"}, {"type": "text", "text": "why?"}])],
}
ALL = CONVERSATIONS | MORE


@pytest.mark.parametrize("name", [*TEMPLATES, *STRICT])
def test_every_template_shows_all_of_every_conversation_in_order(name):
    tokenizer = tokenizer_with((TEMPLATES | STRICT)[name])
    for conversation, messages in ALL.items():
        text = conversation_text(tokenizer, messages)
        text = text.replace(r"\n", "\n").replace(r"\"", '"')  # of those that write JSON
        position = 0
        for message in messages:
            assert message.text in text, conversation
            assert all(call["name"] in text for call in getattr(message, "tool_calls", []))
            if message.type != "system":
                position = text.index(message.text, position) + len(message.text)


def test_a_late_instruction_stays_late_and_the_first_one_a_system_message():
    messages = CONVERSATIONS["judge"] + CONVERSATIONS["late_system"]
    text = conversation_text(tokenizer_with(TEMPLATES["late_system"]), messages)
    assert text.startswith("<system>Be brief.\n<user>")
    assert text.endswith("<assistant>Four\n<user>Be kind.\n\n2 + 2?\n<assistant>")


def test_calls_made_at_once_are_followed_each_by_its_result():
    first, result, second, other = with_system_first([PARALLEL, *RESULTS])
    assert (first.content, second.content) == ("I look both up.", "")
    assert [first.tool_calls, second.tool_calls] == [[c] for c in PARALLEL.tool_calls]
    assert [result, other] == RESULTS
    text = conversation_text(tokenizer_with(TEMPLATES["one_call"]), MORE["agent"])
    order = ["weather", "mild", "clock", "noon"]
    assert sorted(order, key=text.index) == order


def test_a_template_without_tools_keeps_its_system_message():
    known = template("{% if role in ['system', 'user', 'assistant'] %}" + LINE + "{% endif %}")
    text = conversation_text(tokenizer_with(known), MORE["agent"])
    assert text.startswith(
        "<system>Be brief.\n<user>Shall I go out?\n<assistant>I look both up.\n("
    )
    assert "<user>(result of weather)" in text


def test_two_roles_write_calls_and_results_as_text():
    human, calling, results = in_two_roles([ASKED, PARALLEL, *RESULTS])
    assert human == ASKED
    assert calling == AIMessage(
        'I look both up.\n(calls weather with {"city": "Zürich"})\n(calls clock with {})'
    )
    assert results.text == (
        '(result of weather)\nIt is "mild"\nand dry\n\n(result of a tool)\nnoon'
    )


def test_ids_of_calls_have_nine_letters_and_stay_pairs():
    text = conversation_text(tokenizer_with(template("{{ m | tojson }}")), MORE["agent"])
    called = re.findall(r'"id": "(\w+)"', text)
    assert re.findall(r'"tool_call_id": "(\w+)"', text) == called
    assert [len(each) for each in called] == [9, 9]


def test_where_no_form_shows_all_the_first_that_shows_most_is_taken():
    shouting = template("{% if role == 'user' %}<user>{{ m['content'] | upper }}{% endif %}")
    messages = [SystemMessage("SYSTEM"), HumanMessage("what?"), HumanMessage("Well?")]
    assert conversation_text(tokenizer_with(shouting), messages) == (
        "<user>SYSTEM\n\nWHAT?\n\nWELL?<assistant>"
    )
    plain = conversation_text(tokenizer_with(template("{{ role | upper }}")), messages)
    assert plain == "SYSTEMUSERUSER<assistant>"


def test_earlier_thoughts_that_a_template_drops_are_not_missed():
    dropping = template("<{{ role }}>{{ m['content'].split('</think>')[-1] }}")
    messages = [ASKED, ASKED, AIMessage("<think>Is it wet?</think>Go."), ASKED]
    text = conversation_text(tokenizer_with(dropping), messages)
    assert text.count("<user>") == 3  # nothing was joined


@pytest.mark.parametrize("words", ["1 / 0", "none.a.b", "'a' + 1"])
def test_any_error_of_a_template_is_one_that_names_the_model(words):
    tokenizer = tokenizer_with(f"{{{{ {words} }}}}")
    with pytest.raises(ValueError, match="refused by the chat template of"):
        conversation_text(tokenizer, [ASKED])


@pytest.mark.parametrize("name", [*TEMPLATES, *STRICT])
def test_a_judge_on_a_local_model_is_shown_question_and_answer(name):
    llm = tiny_pipeline()
    llm.pipeline.tokenizer.chat_template = (TEMPLATES | STRICT)[name]
    with_judge = JudgeVerifier(BatchedChatHuggingFace(llm=llm, max_tokens=4))
    given = {"question": ASKED.text, "answer": "Yes, go.", "key": None}
    asked = with_judge._messages(with_judge._blocks(given))
    text = conversation_text(llm.pipeline.tokenizer, asked)
    assert all(part in text for part in (asked[0].text, "Yes, go.", ASKED.text))


def test_roles_that_all_templates_know_change_nothing():
    tokenizer = tokenizer_with(TEMPLATE)
    for messages in (CONVERSATIONS["two_of_each"], CONVERSATIONS["late_system"]):
        chat = [
            {"role": {"human": "user", "ai": "assistant"}.get(m.type, m.type), "content": m.text}
            for m in messages
        ]
        own = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        assert conversation_text(tokenizer, messages) == own
