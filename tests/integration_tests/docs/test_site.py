"""The documentation as a site: it builds without a warning, and needs no other site."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import langchain_markovscale

ROOT = Path(__file__).parents[3]

pytest.importorskip("mkdocs", reason="the extra docs is not installed")

LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video)\b[^>]*\bsrc=["']?([^"'\s>]+)"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|icon|preload|preconnect))[^>]*\bhref=["']?([^"'\s>]+)"""
    r"""|@import\s+(?:url\()?["']?([^"')\s]+)|url\(["']?(https?:[^"')]+)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    loaded = {
        address
        for file in files
        for found in LOADED.finditer(file.read_text(encoding="utf-8"))
        for address in found.groups()
        if address
    }
    assert any(address.endswith(".css") for address in loaded)
    assert {each for each in loaded if each.startswith(("http", "//"))} == set()


def test_every_public_name_has_an_entry_that_can_be_linked(site: Path) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in site.rglob("*.html"))
    entries = set(re.findall(r'id="?langchain_markovscale\.([\w.]+)', pages))
    assert set(langchain_markovscale.__all__) - {"__version__"} <= entries


def test_formulas_are_mathml(site: Path) -> None:
    theory = (site / "theory" / "index.html").read_text(encoding="utf-8")
    assert theory.count("<math") > 40
    assert not re.search(r"\\\(|\\\[|\\frac|\$\$", theory)
