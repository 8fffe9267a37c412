"""LangChain's own tests for chat models, on SmolLM2.

What is not supported is declared: no tools, because SmolLM2's chat template has none, no structured
output, text only. That `bind_tools` and `with_structured_output` refuse is tested in test_chat.
"""

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_markovscale import BatchedChatHuggingFace


class OnSmolLM2:
    @pytest.fixture(autouse=True)
    def _pipeline(self, smollm2_pipeline):
        type(self).pipeline = smollm2_pipeline

    @property
    def chat_model_class(self):
        return BatchedChatHuggingFace

    @property
    def chat_model_params(self):
        return {"llm": self.pipeline}

    @property
    def standard_chat_model_params(self):
        return {"temperature": 0, "max_tokens": 4, "stop": []}

    has_tool_calling = False
    has_structured_output = False


class TestUnit(OnSmolLM2, ChatModelUnitTests):
    pass


class TestIntegration(OnSmolLM2, ChatModelIntegrationTests):
    pass
