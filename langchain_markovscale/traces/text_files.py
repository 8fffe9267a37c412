"""Files of other programs as plain values: JSON, lines of JSON, tables, in whatever encoding.

Every value comes with the place where it stands, so that an error can name it. What is wrong with a
file is always a `ValueError`; that it cannot be opened at all is an `OSError`.
"""

import csv
import gzip
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from langchain_markovscale._text import name_of

_DELIMITERS = ",;\t|"
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_OPENS_JSON = re.compile(
    r"\s*+(?:\{|\[\s*+(?:[\[\]{\"\d-]|$|true\b|false\b|null\b|NaN\b|Infinity\b))"
)
_ZSTANDARD = 93  # how zip files number it
_LONGEST_CELL = 2**31 - 1


class Record(NamedTuple):
    """A value of a file.

    Attributes:
        where: Its place, such as `samples.jsonl, line 3`.
        value: The value, as JSON has it.
    """

    where: str
    value: Any


class TextTable(NamedTuple):
    """The rows of a CSV file, the first perhaps with the names of the columns."""

    rows: list[list[str]]


def read_records(path: str | os.PathLike[str]) -> list[Record] | TextTable:
    """Return what a file holds.

    Args:
        path: JSON, JSON Lines, or CSV with commas, semicolons, tabs or bars, in UTF-8, UTF-16,
            UTF-32 or else Windows-1252; compressed with gzip or not; or a zip file of JSON
            documents.

    Returns:
        For JSON the value itself, or where it is a list its parts; for JSON Lines a value a line;
        for a zip file a value a document. For anything else its rows as a table.

    Raises:
        ValueError: If the file is empty or damaged.
        OSError: If it cannot be read.
    """
    name = name_of(path)
    content = Path(path).read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = _unpacked(content, name)
    if content.startswith(b"PK\x03\x04"):
        return list(_documents(path, name))
    text = decoded(content)
    if not text.strip():
        raise ValueError(f"{name} is empty: give a file with records.")
    if "\0" in text:
        raise ValueError(
            f"{name} is no text: give JSON, JSON Lines, CSV, or a log as it was written."
        )
    if _OPENS_JSON.match(text):
        return _json_records(text, name)
    return TextTable(csv_rows(text, name))


def read_table(path: str | os.PathLike[str]) -> list[list[str]]:
    """Return the rows of a CSV file, as `read_records` does; none of an empty one.

    Raises:
        ValueError: If it is no table.
        OSError: If it cannot be read.
    """
    return csv_rows(decoded(Path(path).read_bytes()), name_of(path))


def decoded(content: bytes) -> str:
    """Return the text of a file: by its byte order mark, else UTF-8, else Windows-1252."""
    encoding = next((each for mark, each in _BYTE_ORDER_MARKS if content.startswith(mark)), None)
    if encoding is None:
        encoding = _utf_16_without_mark(content) or "utf-8"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        if encoding not in ("utf-8", "utf-8-sig"):
            return content.decode(encoding, "replace")
        return content.decode("cp1252", "replace")  # the five bytes that it lacks become U+FFFD


def csv_rows(text: str, name: str) -> list[list[str]]:
    """Return the rows of a CSV text that are not empty.

    Args:
        text: The text. A first line `sep=;`, as Excel writes it, names the delimiter; otherwise it
            is the one of comma, semicolon, tab and bar that splits the lines most evenly.
        name: The file's name, for the error.

    Raises:
        ValueError: If the text is not a table.
    """
    first, _, rest = text.partition("\n")
    if first.strip().strip('"').lower().startswith("sep=") and len(first.strip().strip('"')) == 5:
        delimiter, text = first.strip().strip('"')[4], rest
    elif first.strip().lower() == "sep=":  # a tab, stripped
        delimiter, text = "\t", rest
    else:
        delimiter = _delimiter(text)
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise ValueError(f"{name} is neither JSON nor a table ({error}).") from None
    finally:
        csv.field_size_limit(before)
    return [row for row in rows if any(cell.strip() for cell in row)]


def parsed(text: str) -> Any:
    """Return a value of JSON that another one holds as text; the text where it is no JSON."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def parsed_cell(text: str) -> Any:
    """Return what a cell of a table holds as JSON, a text in quotation marks or null among it."""
    try:
        return json.loads(text) if text.startswith('"') or text == "null" else parsed(text)
    except ValueError:
        return text


def _delimiter(text: str) -> str:
    """Return the delimiter that the most lines have as often as the first line has it."""
    lines = [line for line in text.splitlines()[:50] if line.strip()]

    def evenness(delimiter: str) -> tuple[int, int]:
        counts = [line.count(delimiter) for line in lines]
        return (sum(count == counts[0] for count in counts) if counts[0] else 0), counts[0]

    return max(_DELIMITERS, key=evenness) if lines else ","


def _utf_16_without_mark(content: bytes) -> str | None:
    """Return the encoding of text in which every other byte is mostly zero."""
    head = content[:200]
    if len(head) < 4 or len(content) % 2:
        return None
    zeros = [half.count(0) / len(half) for half in (head[::2], head[1::2])]
    if max(zeros) < 0.5 or min(zeros) > 0.1:
        return None
    return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"


def _json_records(text: str, name: str) -> list[Record]:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply to be read.") from None
    except json.JSONDecodeError as error:
        return list(_json_lines(text, name, error))
    if isinstance(value, dict) and value.get("object") == "list":  # a page of OpenAI's API
        value = value.get("data")
    if isinstance(value, list):
        return [Record(f"{name}, record {number}", each) for number, each in enumerate(value, 1)]
    return [Record(name, value)]


def _json_lines(text: str, name: str, whole: json.JSONDecodeError) -> Iterator[Record]:
    """Yield the values of JSON Lines.

    Args:
        text: A text that is not JSON as a whole.
        name: The file's name.
        whole: Why it is not, for a text whose first line is no JSON either.
    """
    read = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except RecursionError:
            raise ValueError(f"{name}, line {number} is nested too deeply to be read.") from None
        except json.JSONDecodeError as error:
            if read:
                problem = f"line {number} is not JSON ({error.msg} at character {error.colno})"
            else:
                where = f"{whole.msg} at character {whole.colno}"
                problem = f"line {whole.lineno} is not JSON ({where})"
            raise ValueError(
                f"{name}, {problem}: the file is damaged, cut off or something else."
            ) from None
        read += 1
        yield Record(f"{name}, line {number}", value)


def _unpacked(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{name} is damaged: it cannot be unpacked ({error}).") from None


def _documents(path: str | os.PathLike[str], name: str) -> Iterator[Record]:
    """Yield the JSON objects of a zip file; the lists in one only sum them up."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".json"):
                    value = json.loads(decoded(_content(archive, entry)))
                    if isinstance(value, dict):
                        yield Record(f"{name}, {entry.filename}", value)
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply to be read.") from None
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{name} is packed with Zstandard, which this Python cannot read without the package "
            f"{error.name}: pip install {error.name}, or convert the log to JSON."
        ) from None
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, zlib.error) as error:
        raise ValueError(f"{name} is damaged: it cannot be unpacked ({error}).") from None


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return the content of a part of a zip file, packed with Zstandard or as Python reads it."""
    try:
        return archive.read(entry)
    except NotImplementedError:  # before Python 3.14
        if entry.compress_type != _ZSTANDARD or archive.fp is None:
            raise
    import zstandard  # which LangSmith's client brings, and langchain-core brings that

    file = archive.fp
    file.seek(entry.header_offset)
    header = file.read(30)  # at its end: how long the name and the extra field are
    skipped = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    file.seek(skipped, os.SEEK_CUR)
    try:
        packed = file.read(entry.compress_size)
        return zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None
