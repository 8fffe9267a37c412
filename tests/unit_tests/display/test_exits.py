"""Words of others on their way out: into logs, Markdown and the labels of plots."""

import re
from pathlib import Path

import pytest
from matplotlib import pyplot

import langchain_markovscale
from langchain_markovscale import FunctionVerifier
from langchain_markovscale._text import logger_of
from langchain_markovscale.display.document import Document, Section
from langchain_markovscale.display.markdown import as_markdown
from langchain_markovscale.display.plotting import label_of, legend_below, report_axes
from langchain_markovscale.display.text import wrapped

HIDDEN = "\x1b\x07\u202e\u200b\r"
HOSTILE = f"x{HIDDEN}[2J"


def test_what_is_logged_steers_no_terminal(caplog):
    logger = logger_of("langchain_markovscale.tests")
    assert logger_of("langchain_markovscale.tests").filters == logger.filters
    try:
        raise RuntimeError(HOSTILE)
    except RuntimeError as error:
        logger.warning("%s %r %d %s", error, HOSTILE, 7, HOSTILE, exc_info=True)
    logger.warning("%s", {HOSTILE: 1})
    logger.warning("%s", Path("tame"))
    assert not set(HIDDEN) & set(caplog.text)
    assert "RuntimeError: x\ufffd" in caplog.text
    assert caplog.records[0].args[2] == 7
    assert caplog.records[2].args == (Path("tame"),)


def test_every_logger_of_the_package_is_one_of_these():
    own = Path(langchain_markovscale.__file__).parent
    made = {file.name for file in own.rglob("*.py") if "getLogger(" in file.read_text()}
    assert made == {"_text.py", "app.py"}  # the command shows what all of them say


@pytest.mark.parametrize(
    "words", ["# A heading", "> quoted", "~~~", "- a list", "+ one", "=== a rule", "  --- another"]
)
def test_no_words_of_others_begin_a_block_of_markdown(words):
    section = Section("A", (words,))
    document = Document("Title", "plain", (words, words), words, (words,), (section,))
    lines = as_markdown(document).splitlines()
    assert lines.count(f"\\{words.strip()}") == 3
    begins = [line for line in lines if re.match(r"\s*[#>~=+-]", line)]
    assert begins == ["# Title", f"- **Warning:** {words}", "## A"]


@pytest.mark.parametrize(
    "name", [HOSTILE, "a $5 rule, or $10", r"\frac{$x^{$", "_mine", "a\nb", "$"]
)
def test_a_name_is_a_label_as_it_is(name):
    with report_axes(None, "Rules") as axes:
        axes.plot([0, 1], label=label_of(name))
        legend_below(axes)
    axes.figure.canvas.draw()
    (shown,) = (text.get_text() for text in axes.get_legend().get_texts())
    assert not set(HIDDEN) & set(shown)
    plain = " ".join(re.sub(f"[{HIDDEN}]", "\ufffd", name).split())
    assert shown.strip().replace(r"\$", "$") == plain
    pyplot.close(axes.figure)


def test_a_verifier_shows_its_name_harmlessly():
    assert not set(HIDDEN) & set(repr(FunctionVerifier(len, name=HOSTILE)))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a" + "\t \n" * 400_000 + "b", "a b"),
        ("a" * 25_000, "\n".join(["a" * 10_000, "a" * 10_000, "a" * 5_000])),
        ("a" * 20_000 + "\n\n" + "b", "\n".join(["a" * 10_000, "a" * 10_000, "b"])),
    ],
)
def test_gaps_and_words_without_end_are_wrapped(words, expected):
    assert wrapped(words, 10_000) == expected
