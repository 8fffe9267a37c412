"""A report as text, as Markdown, as a page and in a notebook."""

import re
import sys
from dataclasses import replace

import pytest
from pages import Page
from simulated_loops import IMPROVING

from langchain_markovscale import Calibration

pytestmark = pytest.mark.usefixtures("few_simulated_questions")


def test_the_same_calibration_and_seed_give_the_same_report(degrading, reports, document):
    first, second = reports["degrading"], degrading.report(seed=0)
    assert first == second
    assert first.text == second.text
    assert second.html() == document
    assert first.findings.outcomes != degrading.report(seed=4).findings.outcomes


def test_the_same_traces_and_seed_give_the_same_report():
    def made():
        return Calibration.fit(
            IMPROVING.traces(80, 2, 2, seed=0), n_bootstrap=20, seed=5, delivery=False
        ).report()

    one, other = made(), made()
    assert one == other
    assert one.findings.outcomes == other.findings.outcomes


def test_a_saved_calibration_gives_the_same_report(degrading, reports, tmp_path):
    degrading.save(tmp_path / "calibration.json")
    loaded = Calibration.load(tmp_path / "calibration.json")
    assert loaded.report().text == reports["degrading"].text


def test_the_first_thing_said_is_the_verdict(reports):
    for report in reports.values():
        assert " ".join(report.text.split()).startswith(report.verdict)
        assert report.markdown.startswith(f"# Calibration report\n\n**{report.verdict}**")
        assert str(report) == report.text


def test_text_fits_a_terminal_of_80_characters(reports):
    for report in reports.values():
        assert max(map(len, report.text.splitlines())) <= 80


def test_no_number_is_undefined(reports):
    for report in reports.values():
        assert not re.search(r"\b(nan|inf|None)\b", report.text)


def test_no_estimate_is_parted_from_its_interval(reports):
    for report in reports.values():
        assert not re.search(r"\[[^\]]*$|^\[", report.text, re.MULTILINE)


def test_markdown_has_the_same_tables(reports):
    for report in reports.values():
        for each in report.document.sections:
            assert f"\n## {each.title}\n" in report.markdown
            if each.table:
                first = " | ".join(each.table.rows[0]).replace("*", "\\*")
                assert f"| {first} |" in report.markdown


def test_page_says_what_the_text_says(reports):
    for report in (reports["improving"], reports["prior"]):
        page = Page(report.html())
        said = " ".join("".join(page.text).split())
        for paragraph in report.document.summary:
            assert paragraph in said
        for each in report.document.sections:
            assert all(paragraph in said for paragraph in each.words)
            for row in each.table.rows if each.table else ():
                assert "".join(row) in "".join(page.text)


def test_page_needs_nothing_from_elsewhere(document):
    page = Page(document)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    links = [value for _, each in page.elements for name, value in each.items() if "href" in name]
    assert all(link.startswith("#") for link in links)
    assert "url(" not in document.replace("url(#", "")
    assert "@import" not in document


def test_every_plot_has_words_for_those_who_cannot_see_it(document):
    page = Page(document)
    assert len(page.all("svg")) == 5
    for svg in page.all("svg"):
        assert svg["role"] == "img"
        assert svg["aria-label"].startswith("Plot: ")
        assert len(svg["aria-label"]) > 60


def test_plots_take_their_colours_from_the_page(document):
    assert "prefers-color-scheme: dark" in document
    svg = document[document.index("<svg") : document.index("</svg>")]
    assert "currentColor" in svg
    assert "var(--blue, #0072b2)" in svg
    assert "#1a1b1c" not in svg  # the ink, which would not show on a dark page


def test_tables_name_their_columns_and_rows(document):
    page = Page(document)
    scopes = [each["scope"] for each in page.all("th")]
    assert {"col", "row"} == set(scopes)


def test_notebook_shows_a_part_and_not_a_page(reports, document):
    part = reports["degrading"]._repr_html_()
    Page(part)
    assert "<html" not in part
    assert part in document


def test_page_escapes_what_users_wrote(improving, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # plots have none of it, and take long
    calibration = replace(improving, source="<script>alert(1)</script> & co")
    document = calibration.report(max_rounds=1).html()  # one attempt is soon simulated
    assert "<script" not in document
    assert "&lt;script&gt;" in document


def test_without_matplotlib_the_other_outputs_stay(reports, monkeypatch):
    report = reports["improving"]
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert report.verdict in " ".join(report.text.split())
    document = report.html()
    Page(document)
    assert "<svg" not in document
    assert "pip install &#x27;langchain-markovscale[plot]&#x27;" in document


@pytest.mark.parametrize(
    "plot", ["plot", "plot_accuracy", "plot_map", "plot_verifier", "plot_drift", "plot_cost"]
)
def test_without_matplotlib_plots_say_what_to_install(reports, monkeypatch, plot):
    report = reports["improving"]
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'langchain-markovscale\[plot\]'"):
        getattr(report, plot)()


def test_page_of_unlabelled_traces_is_whole(unlabelled):
    Page(unlabelled.html())


def test_answers_without_a_key_are_counted_by_reason_also_when_saved(tmp_path):
    traces = IMPROVING.traces(80, 2, 2, seed=0)
    for trace, reason in zip(traces, ["truncated"] * 7 + ["no_number"] * 4, strict=False):
        trace["attempts"][0].update(key=None, metadata={"no_key": reason})
    calibration = Calibration.fit(traces, n_bootstrap=0, delivery=False)
    assert calibration.fitted.no_key == {"truncated": 7, "no_number": 4}
    calibration.save(tmp_path / "calibration.json")
    loaded = Calibration.load(tmp_path / "calibration.json")
    assert loaded == calibration
    said = " ".join(loaded.report(max_rounds=1).text.split())
    assert "11 of 480 answers had no key: 7 cut off, 4 without a number." in said


def test_nothing_is_said_of_keys_where_all_answers_have_one(reports):
    assert not any("had no key" in report.text for report in reports.values())
