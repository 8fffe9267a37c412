"""What the environment says of the graph that is served."""

import pytest
from fakes import always

from langchain_markovscale.cli import loop, serving
from langchain_markovscale.demo import setting


@pytest.fixture
def loaded(monkeypatch):
    """Names and options of the models that are loaded, none of them from outside."""
    asked = []

    def chat_model(name, **options):
        asked.append((name, options))
        return always("17 + 25 = 42")

    monkeypatch.setattr(loop, "chat_model", chat_model)
    for name in serving.ServingSettings.model_fields:
        monkeypatch.delenv(f"MARKOVSCALE_{name.upper()}", raising=False)
    serving._built.cache_clear()
    yield asked
    serving._built.cache_clear()


async def test_without_settings_it_is_the_demo(loaded):
    graph = await serving.make_graph()
    assert loaded == [
        ("smollm2", {"temperature": setting.TEMPERATURE, "max_tokens": setting.MAX_TOKENS})
    ]
    state = await graph.ainvoke({"question": "What is 17 + 25?"})
    assert state["attempts"][0]["key"] == "42"
    assert state["attempts"][0]["score"] == 1.0


async def test_every_request_gets_the_same_graph_and_other_settings_another(loaded, monkeypatch):
    first, second = await serving.make_graph(), await serving.make_graph()
    assert first is second
    monkeypatch.setenv("MARKOVSCALE_COST", "0.2")
    assert await serving.make_graph() is not first
    assert len(loaded) == 2


async def test_settings_are_those_of_the_command_line(loaded, monkeypatch, tmp_path):
    setting.calibration().save(tmp_path / "rates.json")
    for name, value in {
        "MODEL": "openai:gpt-5-mini",
        "VERIFIER": "none",
        "ANSWER_KEY": "last_number",
        "CALIBRATION": str(tmp_path / "rates.json"),
        "COST": "0.02",
        "MAX_ROUNDS": "1",
        "ACTIONS": "revise, generate",
        "TEMPERATURE": "",
    }.items():
        monkeypatch.setenv(f"MARKOVSCALE_{name}", value)
    graph = await serving.make_graph()
    assert loaded == [("openai:gpt-5-mini", {"temperature": None, "max_tokens": None})]
    state = await graph.ainvoke({"question": "What is 17 + 25?"})
    assert state["decision"]["reason"] == "max_rounds"
    assert state["attempts"][0]["score"] is None


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"MARKOVSCALE_MODLE": "smollm2"}, "MARKOVSCALE_MODLE .* mean MARKOVSCALE_MODEL"),
        ({"MARKOVSCALE_COST": "cheap"}, "MARKOVSCALE_COST=cheap: .*number"),
        ({"MARKOVSCALE_MAX_ROUNDS": "2.5"}, "MARKOVSCALE_MAX_ROUNDS=2.5: .*integer"),
    ],
)
def test_a_setting_that_means_nothing_is_named(environment, told):
    with pytest.raises(ValueError, match=told):
        serving.settings_from(environment)
