"""One scripted judge in the form that each library asks for: nothing is sent anywhere."""

import json

from deepeval.models import DeepEvalBaseLLM
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from ragas.llms.base import InstructorBaseRagasLLM


class OpenevalsModel(GenericFakeChatModel):
    """Gives the same object whenever a schema is asked for."""

    says: dict

    def with_structured_output(self, schema, **kwargs):
        return RunnableLambda(lambda messages: self.says)


def for_openevals(**says):
    return OpenevalsModel(messages=iter([]), says=says)


def for_ragas_samples(**says):
    """A chat model that writes JSON."""
    return GenericFakeChatModel(messages=(AIMessage(json.dumps(says)) for _ in range(100)))


class Filling:
    """Fills whatever schema is asked for with what it knows."""

    def __init__(self, **says):
        self.says = says

    def generate(self, prompt, response_model=None, schema=None):
        schema = schema or response_model
        return schema(
            **{name: self.says[name] for name in schema.model_fields if name in self.says}
        )

    async def agenerate(self, prompt, response_model):
        return self.generate(prompt, response_model)

    async def a_generate(self, prompt, schema=None):
        return self.generate(prompt, schema=schema)


class ForRagas(Filling, InstructorBaseRagasLLM):
    pass


class ForDeepEval(Filling, DeepEvalBaseLLM):
    def load_model(self):
        return self

    def get_model_name(self):
        return "scripted"
