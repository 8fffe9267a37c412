"""The rates that the demo decides with, measured on other questions of the same kind."""

from datetime import date
from pathlib import Path

from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.cli.loop import Loop
from langchain_markovscale.demo import setting
from langchain_markovscale.recording.questions import parse_questions
from langchain_markovscale.recording.record import record_traces
from langchain_markovscale.recording.recorder import Recording
from langchain_markovscale.traces.trace import read_traces

FRESH_STARTS = 2
REVISIONS = 2


def measure(loop: Loop, model_name: str, output: Path) -> Recording:
    """Record the loop without its stopping rule, fit rates to that, and write them.

    Traces go beside the rates, in a file of the same name that ends in `.traces.jsonl`; what is
    there already is not recorded again.

    Args:
        loop: The loop to record.
        model_name: What its model is called.
        output: File for the calibration.
    """
    traces = output.with_suffix(".traces.jsonl")
    questions = parse_questions(setting.questions_to_measure(), "the questions to measure on")
    recording = record_traces(
        loop.graph,
        questions,
        path=traces,
        answer_key=loop.answer_key,
        revisions=REVISIONS,
        fresh_starts=FRESH_STARTS,
        metadata={"model": model_name},
    )
    Calibration.fit(
        read_traces(traces),
        source=f"{model_name} on {len(questions)} other questions of the demo's kind",
        metadata={
            "model": model_name,
            "prompt": setting.PROMPTS.reconsider,
            "temperature": setting.TEMPERATURE,
            "max_tokens": setting.MAX_TOKENS,
            "measured": date.today().isoformat(),
        },
    ).save(output)
    return recording
