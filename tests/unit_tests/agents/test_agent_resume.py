"""A turn that is taken up again by an agent whose middleware may do something else."""

import pytest
from fakes import REPAIRING, ScriptedModel, reply
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from scripted_agents import agent_of, asked, multiply, scoring, texts, told

THREAD = {"configurable": {"thread_id": "1"}}
RULE = {"calibration": REPAIRING, "max_rounds": 2, "cost_per_round": 1e-3}


def broken_off(run, saver, *lines, tools=(), action="revise"):
    """An agent that was ended while it made its second attempt."""
    model = ScriptedModel(script=[*lines, KeyboardInterrupt()])
    agent = agent_of(model, scoring(0.1), tools, checkpointer=saver, actions=(action,), **RULE)
    with pytest.raises(KeyboardInterrupt):
        run(agent, asked(), THREAD, durability="sync")


@pytest.mark.parametrize(("before", "today"), [("revise", "generate"), ("generate", "revise")])
def test_a_turn_goes_on_with_todays_actions(run, before, today):
    saver = InMemorySaver()
    broken_off(run, saver, "390", action=before)
    model = ScriptedModel(script=["391"])
    agent = agent_of(model, scoring(0.9), checkpointer=saver, actions=(today,), **RULE)
    output = run(agent, None, THREAD)
    assert texts(output) == ["What is 17 * 23?", "391"]
    assert set(told(output)["usage"]) == {"generate", "verify"} | {today}
    assert told(output)["attempts"] == 2
    shown = model.texts_asked(0)
    assert shown[0] == "What is 17 * 23?"
    assert shown[1:2] == (["390"] if today == "revise" else [])


def test_tools_that_a_revision_had_called_are_not_in_the_draw_that_replaces_it(run):
    saver = InMemorySaver()
    broken_off(run, saver, "390", reply("", multiply={"a": 17, "b": 23}), tools=[multiply])
    model = ScriptedModel(script=["391"])
    again = agent_of(
        model, scoring(0.9), [multiply], checkpointer=saver, actions=("generate",), **RULE
    )
    assert texts(run(again, None, THREAD)) == ["What is 17 * 23?", "391"]
    assert model.texts_asked(0) == ["What is 17 * 23?"]


def test_a_turn_that_may_do_nothing_more_ends_with_its_best_answer(run):
    saver = InMemorySaver()
    broken_off(run, saver, "390")
    model = ScriptedModel(script=[])
    rule = RULE | {"max_rounds": 1, "actions": ("generate",)}
    output = run(agent_of(model, None, checkpointer=saver, answer_key="text", **rule), None, THREAD)
    assert texts(output) == ["What is 17 * 23?", "390"]
    assert told(output)["reason"] == "max_rounds"
    assert not model.asked


def test_threads_in_a_file_go_on_too(tmp_path):
    def invoke(agent, *args, **kwargs):
        return agent.invoke(*args, **kwargs)

    address = str(tmp_path / "threads.sqlite")
    with SqliteSaver.from_conn_string(address) as saver:
        broken_off(invoke, saver, "390")
    with SqliteSaver.from_conn_string(address) as saver:
        model = ScriptedModel(script=["391"])
        agent = agent_of(model, scoring(0.9), checkpointer=saver, actions=("generate",), **RULE)
        assert texts(agent.invoke(None, THREAD)) == ["What is 17 * 23?", "391"]
        assert texts(agent.get_state(THREAD).values) == ["What is 17 * 23?", "391"]
