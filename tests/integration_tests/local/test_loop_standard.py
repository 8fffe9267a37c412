"""LangChain's own tests for chat models, on the loop over SmolLM2.

What is not supported is declared: no tools, no structured output, text only. That they refuse is
tested in test_chat_model.
"""

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_markovscale import (
    ChatMarkovScale,
    FunctionVerifier,
    Prompts,
    create_markovscale_graph,
)


class OverSmolLM2:
    @pytest.fixture(autouse=True)
    def _loop(self, smollm2):
        verifier = FunctionVerifier(lambda answer: (0.1, "Be brief."))
        model = smollm2.model_copy(update={"max_tokens": 2, "temperature": 0.0})
        type(self).loop = create_markovscale_graph(
            model,
            verifier=verifier,
            prompts=Prompts(revise="{feedback}"),  # a short one is soon read
            actions=("revise",),
            max_rounds=2,
            cost_per_round=0.0,
        )

    @property
    def chat_model_class(self):
        return ChatMarkovScale

    @property
    def chat_model_params(self):
        return {"graph": self.loop}

    @property
    def standard_chat_model_params(self):
        return {}

    has_tool_calling = False
    has_structured_output = False


class TestUnit(OverSmolLM2, ChatModelUnitTests):
    pass


class TestIntegration(OverSmolLM2, ChatModelIntegrationTests):
    def test_replies_are_those_of_a_loop(self, model):
        told = model.invoke("Hello").response_metadata["markovscale"]
        assert told["attempts"] == 2
        assert set(told["usage"]) == {"generate", "revise", "verify"}
