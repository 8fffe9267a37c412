import numpy as np
import pytest

from langchain_markovscale import read_traces, traces_from_table, write_traces
from langchain_markovscale.calibration.sufficient_statistics import collect, collect_table

GOOD, BAD, UNKNOWN = True, False, None


class Frame:
    """What data frames of pandas and polars have in common."""

    def __init__(self, **columns):
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]


class Missing:
    """As `pandas.NA`: it is neither equal nor unequal to anything."""

    def __repr__(self):
        return "<NA>"

    def __eq__(self, other):
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None


def chains(trace):
    """The labels of a trace, a list for each fresh start."""
    found = []
    for index, attempt in enumerate(trace["attempts"]):
        if attempt["parent"] is None:
            found.append([])
        else:
            assert attempt["parent"] == index - 1
        found[-1].append(attempt["correct"])
    return found


def as_dict(traces):
    return {trace["id"]: chains(trace) for trace in traces}


@pytest.fixture
def csv(tmp_path):
    def write(text):
        path = tmp_path / "rounds.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_rows_are_chains_of_revisions():
    traces = traces_from_table([[0, 1, 1], [1, 0, 1]])
    assert as_dict(traces) == {"row 1": [[BAD, GOOD, GOOD]], "row 2": [[GOOD, BAD, GOOD]]}
    assert [attempt["action"] for attempt in traces[0]["attempts"]] == [
        "generate",
        "revise",
        "revise",
    ]


def test_a_row_ends_with_its_last_known_round():
    table = [[1, None, 0], [1, None, None], [None, 1], [None, None], []]
    assert list(as_dict(traces_from_table(table)).values()) == [
        [[GOOD, UNKNOWN, BAD]],
        [[GOOD]],
        [[UNKNOWN, GOOD]],
        [],
        [],
    ]


@pytest.mark.parametrize("shape", [(50, 4), (30, 2, 3)])
def test_an_array_becomes_the_statistics_that_it_has(shape):
    table = np.random.default_rng(1).integers(0, 2, shape)
    by_traces, by_table = collect(traces_from_table(table)), collect_table(table)
    counts = sorted(zip(by_traces.labelled.tolist(), by_traces.questions, strict=True))
    wanted = sorted(zip(by_table.labelled.tolist(), by_table.questions, strict=True))
    assert counts == wanted
    np.testing.assert_array_equal(by_traces.seen, by_table.seen)


@pytest.mark.parametrize(
    "frame",
    [
        Frame(id=["a", "b", "a"], one=[0.0, 1.0, 1.0], two=[1.0, float("nan"), 0.0]),
        Frame(id=["a", "b", "a"], one=[False, True, True], two=[True, Missing(), False]),
        {"id": np.array(["a", "b", "a"]), "one": np.array([0, 1, 1]), "two": ["1", "", "0"]},
    ],
)
def test_a_data_frame_has_fresh_starts_under_one_name(frame):
    traces = traces_from_table(frame, question="id")
    assert as_dict(traces) == {"a": [[BAD, GOOD], [GOOD, BAD]], "b": [[GOOD]]}
    assert [trace["question"] for trace in traces] == ["a", "b"]


def test_a_csv_file_says_which_columns_are_what(csv):
    path = csv("\ufeffid;start;r1;r2;note\n17;1;0;1;x\n17;2;1;;y\n18;1;TRUE;false;z\n")
    wanted = {"17": [[BAD, GOOD], [GOOD]], "18": [[GOOD, BAD]]}
    assert as_dict(traces_from_table(path, rounds=["r1", "r2"], question="id")) == wanted


def test_the_number_of_the_start_is_no_round(csv):
    path = csv("id,start,r1\nq,1,0\nq,0,1\n")
    assert as_dict(traces_from_table(path, question="id", start="start")) == {"q": [[BAD], [GOOD]]}


def test_a_csv_file_without_names_is_all_rounds(csv):
    wanted = {"row 1": [[BAD, GOOD]], "row 2": [[GOOD]]}
    assert as_dict(traces_from_table(csv("0,1\n1,\n"))) == wanted


def test_short_rows_of_a_csv_file_are_short_chains(csv):
    path = csv("id,r1,r2\na,1\nb,0,1\n")
    assert as_dict(traces_from_table(path, question="id")) == {"a": [[GOOD]], "b": [[BAD, GOOD]]}


def test_tables_can_be_written_as_traces(tmp_path):
    traces = traces_from_table([[0, None, 1]])
    write_traces(traces, tmp_path / "t.jsonl")
    assert list(read_traces(tmp_path / "t.jsonl")) == traces


@pytest.mark.parametrize(
    ("table", "options", "complaint"),
    [
        ([[0, 2]], {}, "table has 2 in row 1, column 2, which is neither 1, 0 nor blank"),
        ([[0, 0.5]], {}, "table has 0.5 in row 1"),
        ({"id": ["a"], "r": [1]}, {}, "'a' in row 1, column 'id'.*question="),
        ({"r": [1]}, {"question": "id"}, "table has no column 'id': name one of r"),
        ({"r": [1]}, {"rounds": ["s"]}, "table has no column 's'"),
        ({"id": [None], "r": [1]}, {"question": "id"}, "nothing in row 1, column 'id'"),
        ([[0, 1]], {"question": "id"}, "columns have none"),
        ([0, 1], {}, "table must be"),
        ([], {}, "table must hold a row"),
        ({"id": [], "r": []}, {"question": "id"}, "table must hold a row"),
        (7, {}, "table must be"),
    ],
)
def test_a_wrong_table_is_refused_and_the_place_named(table, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        traces_from_table(table, **options)


@pytest.mark.parametrize("content", ["", "id,r1,r2\n"])
def test_a_csv_file_without_rows_is_said_to_be_empty(csv, content):
    with pytest.raises(ValueError, match="table must hold a row"):
        traces_from_table(csv(content), question="id")
