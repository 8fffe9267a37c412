"""How an agent with the middleware is made, and what a trace of it shows."""

import pytest
from fakes import SURE, ScriptedModel, accepts, reply
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.messages import AIMessage
from langchain_core.tracers.base import BaseTracer
from pydantic import BaseModel
from scripted_agents import agent_of, asked, multiply, texts, told

from langchain_markovscale import (
    Calibration,
    JudgeVerifier,
    MarkovScaleMiddleware,
    create_markovscale_graph,
)


def test_no_evidence_is_refused():
    with pytest.raises(ValueError, match="verifier=None leaves no evidence"):
        MarkovScaleMiddleware(verifier=None)


def test_variant_that_needs_a_predictor_is_refused():
    with pytest.raises(ValueError, match="variant='map' needs a predictor"):
        MarkovScaleMiddleware(verifier=accepts("391"), variant="map")


@pytest.mark.parametrize("draws", [4, "auto"])
def test_an_agent_draws_one_at_a_time_and_says_why(draws):
    with pytest.raises(ValueError, match=r"one attempt at a time.*with_markovscale"):
        MarkovScaleMiddleware(verifier=accepts("391"), draws_at_once=draws)


def test_agreement_alone_can_decide(run):
    model = ScriptedModel(script=["391", "It is 391", "391", "391"])
    agent = agent_of(model, None, actions=("generate",), answer_key="last_number", max_rounds=4)
    output = run(agent, asked())
    assert "verify" not in told(output)["usage"]
    assert output["messages"][-1].text.endswith("391")


def test_conversation_without_a_question_is_refused():
    agent = agent_of(ScriptedModel(script=["391"]), accepts("391"))
    with pytest.raises(ValueError, match="messages has no human message"):
        agent.invoke({"messages": [AIMessage("Hello")]})


@pytest.mark.parametrize("verifier", [accepts("391"), None])
def test_what_is_no_calibration_is_refused_and_not_taken_for_the_default(verifier):
    with pytest.raises(TypeError, match="calibration must be a Calibration or Rates"):
        MarkovScaleMiddleware(verifier=verifier, answer_key="last_number", calibration={})


class Product(BaseModel):
    """The product."""

    value: int


def test_structured_output_of_the_provider_is_verified_and_revised(run):
    model = ScriptedModel(script=['{"value": 390}', '{"value": 391}'])
    agent = agent_of(model, accepts('{"value":391}'), response_format=ProviderStrategy(Product))
    output = run(agent, asked())
    assert output["structured_response"] == Product(value=391)
    assert texts(output) == ["What is 17 * 23?", '{"value": 391}']
    assert told(output)["attempts"] == 2


def test_an_agent_draws_for_a_loop(run):
    call = reply("", multiply={"a": 17, "b": 23})
    agent = create_agent(ScriptedModel(script=[call, "It is 391"]), [multiply])
    loop = create_markovscale_graph(
        generate=agent, verifier=accepts("It is 391"), actions=("generate",), calibration=SURE
    )
    output = run(loop, {"question": "What is 17 * 23?"})
    assert output["answer"] == "It is 391"
    assert output["usage"]["generate"]["calls"] == 2


def test_an_agent_in_a_loop_may_take_as_many_steps_as_alone(run):
    call = reply("", multiply={"a": 17, "b": 23})
    agent = create_agent(ScriptedModel(script=[*[call] * 70, "It is 391"]), [multiply])
    loop = create_markovscale_graph(
        generate=agent, verifier=accepts("It is 391"), actions=("generate",), calibration=SURE
    )
    assert run(loop, {"question": "What is 17 * 23?"})["answer"] == "It is 391"


class Models(BaseTracer):
    """Keeps the runs of models, with their names, tags and metadata."""

    def __init__(self):
        super().__init__()
        self.runs = []

    def _persist_run(self, run):
        if run.run_type == "llm":
            self.runs.append(run)
        for inner in run.child_runs:
            self._persist_run(inner)


def test_calls_of_the_verifier_can_be_told_from_those_of_the_agent(run):
    models, judge = Models(), ScriptedModel(script=["VERDICT: FAIL", "VERDICT: PASS"])
    agent = agent_of(ScriptedModel(script=["390", "391"]), JudgeVerifier(judge))
    run(agent, asked(), {"callbacks": [models], "tags": ["mine"]})
    judged = [each for each in models.runs if "markovscale:verify" in each.tags]
    assert [each.name for each in judged] == ["judge", "judge"]
    assert [each.name for each in models.runs if each not in judged] == ["ScriptedModel"] * 2
    attempts = [
        (each.metadata["markovscale_attempt"], each.metadata["markovscale_action"])
        for each in judged
    ]
    assert attempts == [(0, "generate"), (1, "revise")]
    assert all("mine" in each.tags for each in models.runs)


def test_rates_of_another_loop_are_told_of_once(run, caplog):
    measured = {"model": "large", "reviser": "large", "answer_key": "last_number"}
    calibration = Calibration(SURE.rates, "measured", {"loop": measured})
    model = ScriptedModel(script=["391"], repeat=True)
    agent = agent_of(model, accepts("391"), answer_key="text", calibration=calibration)
    for _ in range(2):
        run(agent, asked())
    (message,) = [each.message for each in caplog.records if "measured with" in each.message]
    assert "with model='large', answer_key='last_number', and this loop has" in message
    assert "has model='scripted', answer_key='text':" in message
