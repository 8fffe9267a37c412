"""A reflect-and-revise loop for LangGraph that stops when another round is not worth its cost.

Public names load on first use (PEP 562): whoever needs the closed forms alone does not wait for
LangGraph, and nobody without a local model waits for torch.
"""

import sys
from importlib import import_module

_NAMES_BY_MODULE = {
    "types": ("Attempt", "Decision", "Usage"),
    "answers.semantics": ("SemanticKey",),
    "batches.batch_model": ("BatchChatModel",),
    "batches.batch_recording": ("arecord_in_batches", "record_in_batches"),
    "calibration.answer_threshold": ("fit_semantic_key",),
    "calibration.calibration": ("Calibration",),
    "calibration.predictor": ("ClassPredictor",),
    "traces.tables": ("traces_from_table",),
    "traces.trace": ("Trace", "read_traces", "write_traces"),
    "comparison.compare": ("compare_strategies",),
    "recording.feedback_labels": ("label_traces",),
    "recording.forecast": ("RecordingEstimate", "estimate_recording"),
    "recording.logs": ("traces_from",),
    "recording.past_runs": ("traces_from_messages",),
    "recording.power": ("RecordingOutlook", "recording_outlook"),
    "recording.record": ("arecord_traces", "record_traces"),
    "recording.watching": ("watch",),
    "display.wording": ("explain", "explain_outcome"),
    "distributed.datasets": ("record_dataset", "solve_dataset"),
    "graph.attempt_list": ("add_attempt",),
    "graph.writers": ("EmptyReplyError",),
    "graph.budget": ("Budget",),
    "graph.builder": ("create_markovscale_graph",),
    "graph.human": ("HumanVerifier",),
    "graph.single_nodes": ("generate_node", "revise_node", "verify_proxy_node"),
    "graph.prompts": ("Prompts",),
    "graph.router": ("MarkovScaleRouter",),
    "graph.settings": ("MarkovScaleContext", "RuleOptions"),
    "graph.state": ("MarkovScaleState",),
    "graph.wrapping": ("with_markovscale",),
    "graph.chat_model": ("ChatMarkovScale",),
    "local.chat": ("BatchedChatHuggingFace", "load_chat_model"),
    "local.reward": ("RewardModelVerifier",),
    "local.token_probability": ("TokenProbabilityVerifier",),
    "agents.middleware": ("MarkovScaleMiddleware",),
    "theory.belief": ("Belief",),
    "theory.chain": ("TwoStateChain",),
    "theory.costs": ("round_costs",),
    "theory.criterion": ("Criterion",),
    "theory.mixture": ("ChainMixture",),
    "theory.rates": ("Rates",),
    "verifiers.agreement": ("AgreementVerifier",),
    "verifiers.entailment": ("EntailmentVerifier",),
    "verifiers.function": ("FunctionVerifier",),
    "verifiers.groundedness": ("GroundednessVerifier",),
    "verifiers.judge": ("JudgeVerifier",),
    "graph.show": ("show",),
}
_MODULE_OF = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}
_NEEDED = {  # by folders that cannot be imported without an extra
    "agents": ("langchain",),
    "local": ("langchain_huggingface", "psutil", "torch", "transformers"),
}

# Type checkers take this name as true, and it costs no import of `typing`.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from langchain_markovscale.agents.middleware import (
        MarkovScaleMiddleware as MarkovScaleMiddleware,
    )
    from langchain_markovscale.answers.semantics import SemanticKey as SemanticKey
    from langchain_markovscale.batches.batch_model import BatchChatModel as BatchChatModel
    from langchain_markovscale.batches.batch_recording import (
        arecord_in_batches as arecord_in_batches,
        record_in_batches as record_in_batches,
    )
    from langchain_markovscale.calibration.answer_threshold import (
        fit_semantic_key as fit_semantic_key,
    )
    from langchain_markovscale.calibration.calibration import Calibration as Calibration
    from langchain_markovscale.calibration.predictor import (
        ClassPredictor as ClassPredictor,
    )
    from langchain_markovscale.comparison.compare import (
        compare_strategies as compare_strategies,
    )
    from langchain_markovscale.display.wording import (
        explain as explain,
        explain_outcome as explain_outcome,
    )
    from langchain_markovscale.distributed.datasets import (
        record_dataset as record_dataset,
        solve_dataset as solve_dataset,
    )
    from langchain_markovscale.graph.attempt_list import add_attempt as add_attempt
    from langchain_markovscale.graph.budget import Budget as Budget
    from langchain_markovscale.graph.builder import (
        create_markovscale_graph as create_markovscale_graph,
    )
    from langchain_markovscale.graph.chat_model import ChatMarkovScale as ChatMarkovScale
    from langchain_markovscale.graph.human import HumanVerifier as HumanVerifier
    from langchain_markovscale.graph.prompts import Prompts as Prompts
    from langchain_markovscale.graph.router import MarkovScaleRouter as MarkovScaleRouter
    from langchain_markovscale.graph.settings import (
        MarkovScaleContext as MarkovScaleContext,
        RuleOptions as RuleOptions,
    )
    from langchain_markovscale.graph.show import show as show
    from langchain_markovscale.graph.single_nodes import (
        generate_node as generate_node,
        revise_node as revise_node,
        verify_proxy_node as verify_proxy_node,
    )
    from langchain_markovscale.graph.state import MarkovScaleState as MarkovScaleState
    from langchain_markovscale.graph.wrapping import with_markovscale as with_markovscale
    from langchain_markovscale.graph.writers import EmptyReplyError as EmptyReplyError
    from langchain_markovscale.local.chat import (
        BatchedChatHuggingFace as BatchedChatHuggingFace,
        load_chat_model as load_chat_model,
    )
    from langchain_markovscale.local.reward import (
        RewardModelVerifier as RewardModelVerifier,
    )
    from langchain_markovscale.local.token_probability import (
        TokenProbabilityVerifier as TokenProbabilityVerifier,
    )
    from langchain_markovscale.recording.feedback_labels import label_traces as label_traces
    from langchain_markovscale.recording.forecast import (
        RecordingEstimate as RecordingEstimate,
        estimate_recording as estimate_recording,
    )
    from langchain_markovscale.recording.logs import traces_from as traces_from
    from langchain_markovscale.recording.past_runs import (
        traces_from_messages as traces_from_messages,
    )
    from langchain_markovscale.recording.power import (
        RecordingOutlook as RecordingOutlook,
        recording_outlook as recording_outlook,
    )
    from langchain_markovscale.recording.record import (
        arecord_traces as arecord_traces,
        record_traces as record_traces,
    )
    from langchain_markovscale.recording.watching import watch as watch
    from langchain_markovscale.theory.belief import Belief as Belief
    from langchain_markovscale.theory.chain import TwoStateChain as TwoStateChain
    from langchain_markovscale.theory.costs import round_costs as round_costs
    from langchain_markovscale.theory.criterion import Criterion as Criterion
    from langchain_markovscale.theory.mixture import ChainMixture as ChainMixture
    from langchain_markovscale.theory.rates import Rates as Rates
    from langchain_markovscale.traces.tables import traces_from_table as traces_from_table
    from langchain_markovscale.traces.trace import (
        Trace as Trace,
        read_traces as read_traces,
        write_traces as write_traces,
    )
    from langchain_markovscale.types import (
        Attempt as Attempt,
        Decision as Decision,
        Usage as Usage,
    )
    from langchain_markovscale.verifiers.agreement import AgreementVerifier as AgreementVerifier
    from langchain_markovscale.verifiers.entailment import EntailmentVerifier as EntailmentVerifier
    from langchain_markovscale.verifiers.function import FunctionVerifier as FunctionVerifier
    from langchain_markovscale.verifiers.groundedness import (
        GroundednessVerifier as GroundednessVerifier,
    )
    from langchain_markovscale.verifiers.judge import JudgeVerifier as JudgeVerifier

    __version__: str

else:  # hidden from type checkers, which would otherwise accept any name

    def __getattr__(name: str) -> object:
        if name == "__all__":  # what `import *` brings: the names that can be loaded
            return [*sorted(filter(_can_be_loaded, _MODULE_OF)), "__version__"]
        if name == "__version__":
            from importlib.metadata import version

            value: object = version("langchain-markovscale")
        elif name in _MODULE_OF:
            value = _load(name)
        else:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=sys.modules[__name__])
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF, "__all__", "__version__"})


def _can_be_loaded(name: str) -> bool:
    from importlib.util import find_spec

    folder = _MODULE_OF[name].partition(".")[0]
    try:
        return all(find_spec(library) is not None for library in _NEEDED.get(folder, ()))
    except ImportError:
        return False


def _load(name: str) -> object:
    try:
        module = import_module(f"{__name__}.{_MODULE_OF[name]}")
    except ModuleNotFoundError as error:
        from langchain_markovscale._extras import naming_the_extra

        raise naming_the_extra(error) from error
    return getattr(module, name)
