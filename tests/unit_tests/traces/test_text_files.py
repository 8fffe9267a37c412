"""Files in every encoding and form that other programs write, and damaged ones."""

import gzip
import json
import sys
import zipfile

import pytest

from langchain_markovscale.traces.text_files import TextTable, read_records

TEXT = "id;größe\nα;1\n"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.fixture
def file(tmp_path):
    def write(content, name="a.txt"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_table_is_read_in_its_encoding(file, encoding):
    assert read_records(file(TEXT.encode(encoding))).rows == [["id", "größe"], ["α", "1"]]


def test_what_is_no_utf_8_is_windows_1252(file):
    rows = read_records(file("id;größe\n„q“;1\n".encode("cp1252"))).rows
    assert rows == [["id", "größe"], ["„q“", "1"]]


def test_marks_alone_do_not_hide_that_a_text_is_utf_16(file):
    text = "id,r1\na,✓\nb,✗\n" * 20
    assert read_records(file(text.encode("utf-16-le"))).rows[1] == ["a", "✓"]


@pytest.mark.parametrize(
    "text",
    [
        *("a,b\n1,0\n", "a;b\n1;0\n", "a\tb\n1\t0\n", "a|b\n1|0\n", "sep=;\na;b\n1;0\n"),
        *('"sep=;"\r\na;b\r\n1;0\r\n', "sep=\t\na\tb\n1\t0\n", "\n\na,b\n\n1,0\n,\n"),
    ],
)
def test_the_delimiter_is_found(file, text):
    assert read_records(file(text.encode())).rows == [["a", "b"], ["1", "0"]]


def test_a_comma_within_numbers_is_no_delimiter(file):
    assert read_records(file(b"a;b\n1,0;0,5\n0,0;0,1\n")).rows[1] == ["1,0", "0,5"]


def test_cells_may_hold_lines_and_quotes(file):
    rows = read_records(file(b'a,b\r\n"one\r\ntwo","say ""x"""\r\n')).rows
    assert rows[1] == ["one\r\ntwo", 'say "x"']


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('{"a": 1}\n\n{"a": 2}\n', ["f.jsonl, line 1", "f.jsonl, line 3"]),
        ('[{"a": 1}, {"a": 2}]', ["f.jsonl, record 1", "f.jsonl, record 2"]),
        ('{"object": "list", "data": [{"a": 1}]}', ["f.jsonl, record 1"]),
        ('{\n"a": 1\n}', ["f.jsonl"]),
    ],
)
def test_records_of_json_say_where_they_stand(file, monkeypatch, text, places):
    path = file(text.encode(), "f.jsonl")
    monkeypatch.chdir(path.parent)
    for packed in (text.encode(), gzip.compress(text.encode())):
        path.write_bytes(packed)
        assert [record.where for record in read_records("f.jsonl")] == places


def zipped(path, **documents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in documents.items():
            archive.writestr(f"samples/{name}.json", json.dumps(value))
    return path


def test_a_zip_file_is_its_documents(tmp_path):
    path = zipped(tmp_path / "a.eval", one={"id": 1}, summary=[1, 2], two={"id": 2})
    assert [record.value for record in read_records(path)] == [{"id": 1}, {"id": 2}]


def zstandard_zipped(path, name, value):
    """A zip file as Inspect writes it: Python's own module packs nothing with zstandard."""
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.ZstdCompressor().compress(json.dumps(value).encode())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, packed)
    content = bytearray(path.read_bytes())
    method = (93).to_bytes(2, "little")
    content[8:10] = method
    central = content.index(b"PK\x01\x02")
    content[central + 10 : central + 12] = method
    path.write_bytes(content)
    return path


def test_a_zip_file_may_be_packed_with_zstandard(tmp_path):
    path = zstandard_zipped(tmp_path / "a.eval", "samples/1_epoch_1.json", {"id": 1})
    assert [record.value for record in read_records(path)] == [{"id": 1}]
    content = bytearray(path.read_bytes())
    content[60:70] = bytes(10)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.eval is damaged: it cannot be unpacked"):
        read_records(path)


def test_what_reads_zstandard_is_named_where_it_is_missing(tmp_path, monkeypatch):
    path = zstandard_zipped(tmp_path / "a.eval", "samples/1_epoch_1.json", {"id": 1})
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setattr(zipfile.ZipFile, "read", _not_implemented)
    with pytest.raises(ValueError, match="pip install zstandard, or convert the log to JSON"):
        read_records(path)


def _not_implemented(*_):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "f is empty"),
        (b" \n\n", "f is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "f is no text: give JSON"),
        (b'{"a": 1}\n{"a" 2}\n', "line 2 is not JSON .*character 6.*damaged, cut off"),
        (b'[\n{"a": 1},\n{"a": ', "line 3 is not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": 1}\n' + b"[" * 200_000, "line 2 is nested too deeply"),
        (gzip.compress(b'{"a": 1}', mtime=0)[:-9], "f is damaged: it cannot be unpacked"),
        (b"\x1f\x8bgarbage", "f is damaged: it cannot be unpacked"),
        (b"PK\x03\x04garbage", "f is damaged: it cannot be unpacked"),
    ],
)
def test_a_damaged_file_is_named_with_the_place(file, content, complaint):
    with pytest.raises(ValueError, match=complaint):
        read_records(file(content, "f"))


def test_bytes_of_any_kind_are_a_table_at_worst(file):
    assert isinstance(read_records(file(bytes(range(1, 256)))), TextTable)
