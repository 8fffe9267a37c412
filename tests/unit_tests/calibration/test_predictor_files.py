"""A trained predictor: embedding new questions, saved and read again, with and without torch."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from easy_and_hard import RATES, Words, traces_of

from langchain_markovscale import ClassPredictor

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def predictor():
    return ClassPredictor.fit(traces_of(200), RATES)


@pytest.fixture(scope="module")
def by_words():
    return ClassPredictor.fit(traces_of(200), RATES, embeddings=Words())


async def test_awaited_weights_are_the_same_and_await_the_embedding(by_words):
    assert not by_words.needs_features
    assert await by_words.aweights("easy 901") == by_words.weights("easy 901")
    assert by_words.sources.embeddings.asked[-2] == "awaited"
    assert by_words.weights("easy 901")[0] > 0.8


@pytest.mark.parametrize("broken", [[[1.0, math.nan]], [1.0, 2.0], []])
def test_embeddings_that_are_no_vectors_are_refused(broken, by_words, tmp_path):
    class Broken(Words):
        def embed_documents(self, texts):
            return broken

    by_words.save(tmp_path / "predictor.json")
    loaded = ClassPredictor.load(tmp_path / "predictor.json", embeddings=Broken())
    with pytest.raises(ValueError, match="embeddings must return one vector"):
        loaded.weights("easy 1")


def test_file_gives_the_same_weights(by_words, tmp_path):
    by_words.save(tmp_path / "predictor.json")
    loaded = ClassPredictor.load(tmp_path / "predictor.json", embeddings=Words())
    questions = [f"easy {n}" for n in range(20)] + [f"hard {n}" for n in range(20)]
    assert loaded.weights_of(questions) == by_words.weights_of(questions)
    assert loaded.summary == by_words.summary
    assert json.loads((tmp_path / "predictor.json").read_text())["embeddings"] == "Words(words)"


def test_file_of_recorded_features_gives_the_same_weights(predictor, tmp_path):
    predictor.save(tmp_path / "predictor.json")
    loaded = ClassPredictor.load(tmp_path / "predictor.json")
    for kind in ("easy", "hard", "poem"):
        assert loaded.weights("", {"kind": kind}) == predictor.weights("", {"kind": kind})


def test_file_without_its_embeddings_is_refused(by_words, tmp_path):
    by_words.save(tmp_path / "predictor.json")
    with pytest.raises(ValueError, match=r"embeddings must be .* Words\(words\), got none"):
        ClassPredictor.load(tmp_path / "predictor.json")


def test_file_with_other_embeddings_warns_and_another_length_is_refused(by_words, tmp_path, caplog):
    class Longer(Words):
        model = "longer"

        def _vector(self, text):
            return [*super()._vector(text), 0.0]

    by_words.save(tmp_path / "predictor.json")
    loaded = ClassPredictor.load(tmp_path / "predictor.json", embeddings=Longer())
    assert "Longer(longer)" in caplog.text
    with pytest.raises(ValueError, match="vectors of length 9, but the predictor was trained on 8"):
        loaded.weights("easy 1")


def test_uninformative_predictor_is_read_without_its_embeddings(tmp_path):
    few = ClassPredictor.fit(traces_of(10), RATES, embeddings=Words())
    few.save(tmp_path / "predictor.json")
    assert ClassPredictor.load(tmp_path / "predictor.json").weights("easy 1") == [0.5, 0.5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "holds no JSON"),
        ('{"format": "something else"}', "'format' is not"),
        ('{"format": "langchain-markovscale class predictor", "version": 99}', "version 99"),
        ('{"format": "langchain-markovscale class predictor", "version": 1}', "missing"),
    ],
)
def test_file_that_is_no_predictor_is_refused(content, message, tmp_path):
    path = tmp_path / "predictor.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        ClassPredictor.load(path)


def test_prediction_needs_no_torch(predictor, tmp_path):
    predictor.save(tmp_path / "predictor.json")
    script = (
        "import sys; from langchain_markovscale import Calibration, ClassPredictor\n"
        f"found = ClassPredictor.load({str(tmp_path / 'predictor.json')!r})\n"
        "assert found.weights('', {'kind': 'easy'})[0] > 0.9\n"
        "assert 'torch' not in sys.modules and 'langchain_core' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_training_without_torch_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(
        sys.modules, "langchain_markovscale.calibration.predictor_training", raising=False
    )
    with pytest.raises(ModuleNotFoundError, match=r"langchain-markovscale\[huggingface\]"):
        ClassPredictor.fit(traces_of(40), RATES)


NO_NUMBERS = [
    None,
    True,
    "x",
    "\ud800",
    -1,
    math.nan,
    math.inf,
    10**400,
    [],
    {},
    [[[]]],
    [1.0] * 99,
]


def places(content, *before):
    """Every place in a JSON value, and of its lists the first entries."""
    yield before
    entries = content.items() if isinstance(content, dict) else ()
    if isinstance(content, list):
        entries = list(enumerate(content))[:1]
    for name, value in entries:
        yield from places(value, *before, name)


def with_value(content, place, value):
    if not place:
        return value
    copied = content.copy()
    copied[place[0]] = with_value(content[place[0]], place[1:], value)
    return copied


def test_a_damaged_file_is_a_clear_error_or_gives_weights(predictor, tmp_path):
    path = tmp_path / "predictor.json"
    predictor.save(path)
    content = json.loads(path.read_text())
    told = []
    for place in places(content):
        for value in NO_NUMBERS:
            path.write_text(json.dumps(with_value(content, place, value)))
            try:
                weights = ClassPredictor.load(path).weights("", {"kind": "easy"})
            except ValueError as error:
                told.append(str(error))
            else:
                assert sum(weights) == pytest.approx(1), (place, value)
                assert min(weights) >= 0
    assert len(told) > 100
    assert all("predictor" in each for each in told)
