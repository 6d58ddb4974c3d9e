"""Language identification: the model's own answers, confidences that mean something, and verdicts by them."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import json
import string
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import fasttext
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from py3langid.langid import LanguageIdentifier, visit_counts
from py3langid.modelio import load_model

import curate
from curate import language
from curate.config.reading import ConfigError
from curate.language import bayes, load
from curate.language.fasttext_model import local_model
from curate.language.normal_form import normalised
from curate.pii.regions import regions_of
from curate.text.columns import as_column, text_buffers
from curate.text.language_codes import LANGUAGES, code_of_label
from tests.support import language_weights

ENGLISH = "The committee will meet on Thursday to discuss the budget for the coming year and to hear from residents."
GERMAN = (
    "Der Ausschuss trifft sich am Donnerstag, um über den Haushalt des kommenden Jahres zu beraten und zu beschließen."
)


@lru_cache(maxsize=1)
def peer() -> LanguageIdentifier:
    """py3langid itself, with the weights that the project has in place of its own."""
    library = LanguageIdentifier.from_model_file("data/model.npz.xz")
    model = bayes.model()
    weights = model.weights[:, : len(model.languages)] / bayes.STEPS + bayes.LOWEST
    classes, tables = list(model.languages), (library.tk_nextmove, library.tk_output)
    return LanguageIdentifier(weights, model.prior, classes, *tables, tk_row=library.tk_row)


@lru_cache(maxsize=1)
def sentences(folder: Path) -> list[dict[str, Any]]:
    with gzip.open(folder / "langid-dev.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def same_as_py3langid(texts: list[str]) -> None:
    codes, _ = language.identify(texts)
    featureless, repeating, chinese = 0, 0, 0
    for text, code in zip(texts, codes, strict=True):
        if code == language.UNDETERMINED:
            grams = visit_counts(peer().tk_nextmove, peer()._rowbase, peer().tk_output, peer()._encode(text))
            featureless += not grams
            repeating += bool(grams)
            assert len(grams) <= 32 and len(text) > 5 * len(grams), text[:200]
        elif code != (theirs := peer().classify(text)[0]):
            assert code == "zh" and theirs in ("wuu", "yue"), text[:200]
            chinese += 1
    assert featureless < len(texts) / 10
    assert repeating <= len(texts) / 2000 and chinese <= len(texts) / 100


def test_a_language_is_found_by_weights_that_have_not_seen_its_sentence(shared_data: Path) -> None:
    """Ten times a tenth of the sentences is asked of weights that the other nine tenths make."""
    texts, languages = language_weights.read(str(shared_data / "langid-dev.jsonl.gz"))
    right = language_weights.fold_answers(texts, languages)[0] == languages
    assert right.mean() > 0.97
    assert right[np.isin(languages, language_weights.LARGEST)].mean() > 0.9875
    for code in language_weights.NEW:  # py3langid has none of these
        assert right[languages == code].mean() > 0.95


def test_the_weights_in_the_package_are_those_of_the_sentences(shared_data: Path) -> None:
    texts, languages = language_weights.read(str(shared_data / "langid-dev.jsonl.gz"))
    weights, names = language_weights.train(language_weights.counts(texts), languages)
    model = bayes.model()
    assert model.languages == names
    assert np.abs(model.weights[:, : len(names)].astype(int) - weights).max() <= 1  # a logarithm's last digit


def test_pages_keep_the_language_they_had_before(shared_data: Path) -> None:
    """The sentences change no answer on web pages: what they claim agrees as often as with py3langid's own weights."""
    with gzip.open(shared_data / "realweb-dev.gold.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["text"] and row["html_lang"] and len(row["text"]) > 100]
    claimed = [row["html_lang"].lower().replace("_", "-").split("-")[0] for row in rows]
    codes, _ = language.identify([row["text"] for row in rows])
    library = LanguageIdentifier.from_model_file("data/model.npz.xz")
    told = [row for row, code in enumerate(codes) if code != language.UNDETERMINED]
    assert len(told) > 0.99 * len(rows)
    before = sum(library.classify(rows[row]["text"])[0] == claimed[row] for row in told)
    assert sum(codes[row] == claimed[row] for row in told) >= before


def test_answers_are_py3langids_on_every_sentence(shared_data: Path) -> None:
    same_as_py3langid([row["text"] for row in sentences(shared_data)])


def test_answers_are_py3langids_on_whole_pages(shared_data: Path) -> None:
    with gzip.open(shared_data / "realweb-dev.gold.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [text for text in (json.loads(line)["text"] for line in file) if text]
    assert len(texts) > 1000
    same_as_py3langid(texts[::3])


CHARACTERS = st.one_of(
    st.characters(codec="utf-8"),
    st.sampled_from(
        string.ascii_letters + " éßİıΣςẞDžǅẬ가각힣\u0301\u0323\u0653\u093c\u09be\u1161\u11a8\u0344\u212b\ufb1f"
    ),
)


@given(st.lists(st.text(CHARACTERS, max_size=120), min_size=1, max_size=6))
@settings(deadline=None)
def test_texts_are_composed_and_lowered_as_py3langid_does(texts: list[str]) -> None:
    data, bounds = normalised(*text_buffers(as_column(texts)))
    for row, text in enumerate(texts):
        assert data[bounds[row] : bounds[row + 1]].tobytes() == LanguageIdentifier._encode(text)


@given(st.text(CHARACTERS, max_size=400))
@settings(deadline=None)
def test_scores_are_the_sum_of_the_ngrams_found(text: str) -> None:
    """Whatever the bytes: every lane of the kernel counts what one walk over the automaton counts."""
    encoded = LanguageIdentifier._encode(text)
    counts = visit_counts(peer().tk_nextmove, peer()._rowbase, peer().tk_output, encoded) or {}
    table, prior = (np.asarray(array, np.float64) for array in (peer().nb_ptc, peer().nb_pc))
    expected = prior + sum((np.log1p(count) * table[ngram] for ngram, count in counts.items()), np.zeros(len(prior)))
    scores, found = bayes.score(np.frombuffer(encoded, np.uint8), np.array([0, len(encoded)]))
    assert found[0] == len(counts)
    np.testing.assert_allclose(scores[0], expected, rtol=1e-12)


def test_the_automaton_forgets_what_lies_further_back_than_its_reach() -> None:
    """So a document may be read from several places at once: after REACH bytes two walks can no longer differ."""
    _, _, _, nextmove, row, _ = load_model(bayes.MODEL)
    moves, rows = np.asarray(nextmove).reshape(-1, 256), np.asarray(row)
    pairs = np.column_stack([np.arange(1, len(rows)), np.zeros(len(rows) - 1, np.int64)])
    for _ in range(bayes.REACH):
        assert len(pairs), "the reach is longer than it needs to be"
        differing = set()
        for chunk in np.array_split(pairs, len(pairs) // 20_000 + 1):
            one, other = moves[rows[chunk[:, 0]]].astype(np.int64), moves[rows[chunk[:, 1]]].astype(np.int64)
            differing.update(np.unique((one << 32 | other)[one != other]).tolist())
        codes = np.array(sorted(differing), np.int64)
        pairs = np.column_stack([codes >> 32, codes & 0xFFFFFFFF])
    assert not len(pairs)


def test_an_answer_does_not_depend_on_the_batch(shared_data: Path) -> None:
    texts = [row["text"] for row in sentences(shared_data)[::50]]
    codes, scores = language.identify(texts)
    for row in range(0, len(texts), 7):
        one, score = language.identify([texts[row]])
        assert (one[0], score[0]) == (codes[row], scores[row])
    column = pa.array(["x", *texts, "y"], pa.string()).slice(1, len(texts))
    again, same = language.identify(column)
    assert again == codes
    np.testing.assert_array_equal(same, scores)


def test_nothing_to_go_by_is_undetermined() -> None:
    codes, scores = language.identify(["", " ", "\n\n"])
    assert codes == ["und"] * 3
    assert scores.tolist() == [0, 0, 0]
    assert language.identify([]) == ([], pytest.approx([]))


def test_capitals_and_decomposed_letters_do_not_matter() -> None:
    texts = [GERMAN, GERMAN.upper(), unicodedata.normalize("NFD", GERMAN)]
    codes, scores = language.identify(texts)
    assert codes == ["de"] * 3
    assert (scores > 0.9).all()


def known(row: dict[str, Any]) -> str:
    """The model's code of a sentence's language: it has one for both written Norwegians but Nynorsk's own."""
    return "no" if row["lang"] == "nb" else str(row["lang"])


def asked_in_folds(folder: Path, cut: Callable[[int, str], str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(whether right, confidence) about the sentences, cut short, by weights that have not seen them."""
    texts, languages = language_weights.read(str(folder / "langid-dev.jsonl.gz"))
    asked = [cut(number, text) for number, text in enumerate(texts)]
    answers, sure = language_weights.fold_answers(texts, languages, asked, folds=3)
    return answers == languages, sure


def test_confidences_are_probabilities(shared_data: Path) -> None:
    """On sentences that the weights have not seen, and on their beginnings: of those given about .8, about eight in ten
    are right."""
    right, scores = asked_in_folds(
        shared_data, lambda number, text: text[: (len(text) + 3) // 4 if number % 2 else None]
    )
    tenths = np.minimum((scores * 10).astype(int), 9)
    error = sum(abs(scores[tenths == t].sum() - right[tenths == t].sum()) for t in range(10)) / len(right)
    assert error < 0.03
    for tenth in range(1, 9):
        among = tenths == tenth
        assert abs(scores[among].mean() - right[among].mean()) < 0.15


def test_a_minimum_buys_precision_with_recall(shared_data: Path) -> None:
    right, scores = asked_in_folds(shared_data, lambda number, text: text[:30])
    precisions = [right[scores >= minimum].mean() for minimum in (0.0, 0.5, 0.8, 0.95)]
    assert precisions == sorted(precisions)
    assert precisions[-1] > precisions[0] + 0.06


def test_paragraphs_of_another_language_are_seen() -> None:
    texts = pa.array([f"{ENGLISH}\n\n{ENGLISH}\n  \n{GERMAN}\n", ENGLISH, "", "\n \n", GERMAN])
    paragraphs = language.identify_paragraphs(texts)
    assert [[row["language"] for row in rows] for rows in paragraphs.to_pylist()] == [
        ["en", "en", "de"],
        ["en"],
        [],
        [],
        ["de"],
    ]
    assert paragraphs[1].as_py()[0]["bytes"] == len(ENGLISH)
    shares = language.other_share(paragraphs, pa.array(["en", "en", "und", "und", "en"]))
    german = len(GERMAN.encode())
    assert shares == pytest.approx([german / (german + 2 * len(ENGLISH)), 0, 0, 0, 1])


def test_the_languages_a_pipeline_may_keep_are_the_models() -> None:
    assert set(bayes.model().languages) == LANGUAGES


def fasttext_model(folder: Path, data: Path) -> Path:
    """A small model of three languages, trained as lid.176 was: on characters."""
    examples = folder / "examples.txt"
    chosen = [row for row in sentences(data) if row["lang"] in ("en", "de", "fr")]
    examples.write_text("".join(f"__label__{row['lang']} {row['text']}\n" for row in chosen))
    model = fasttext.train_supervised(
        input=str(examples), minn=2, maxn=4, dim=8, bucket=10_000, epoch=20, lr=0.5, thread=1, verbose=0
    )
    path = folder / "lid.bin"
    model.save_model(str(path))
    return path


def test_a_fasttext_model_answers_as_the_library(shared_data: Path, tmp_path: Path) -> None:
    path = fasttext_model(tmp_path, shared_data)
    texts = [ENGLISH, GERMAN, f"{ENGLISH}\n{ENGLISH}", ""]
    codes, scores = language.identify(texts, model=str(path))
    library = fasttext.load_model(str(path))
    for text, code, score in zip(texts, codes, scores, strict=True):
        (label,), (probability,) = library.predict(text.replace("\n", " "))
        assert f"__label__{code}" == label
        assert score == np.float32(min(probability, 1))
    assert codes[:2] == ["en", "de"]


def test_a_model_is_downloaded_once_and_only_with_the_right_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATE_CACHE_DIR", str(tmp_path / "cache"))
    address = f"memory://models/{tmp_path.name}/lid.bin"
    with fsspec.open(address, "wb") as served:
        served.write(b"a model")
    digest = hashlib.sha256(b"a model").hexdigest()
    kept = local_model(address, digest)
    with fsspec.open(address, "wb") as served:
        served.write(b"another model")
    assert Path(local_model(address, digest)).read_bytes() == Path(kept).read_bytes() == b"a model"
    with pytest.raises(ValueError, match="SHA-256"):
        local_model(address, "0" * 64)
    with pytest.raises(ValueError, match="sha256"):
        local_model(address)
    assert len(list((tmp_path / "cache").rglob("*.*"))) == 1, "what has the wrong hash is not kept"


@pytest.fixture(scope="module")
def labelled_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with labels as GlotLID and OpenLID write them, of invented words."""
    folder = tmp_path_factory.mktemp("labelled")
    words = {
        "eng_Latn": "river mountain window", "srp_Cyrl": "реке планине прозора", "srp_Latn": "reke planine prozora",
        "hrv_Latn": "rijeke planine prozori", "cmn_Hani": "河流 山脉 窗户", "zxx_Latn": "xqz qzx zxq",
        "und_Hira": "ぬめ めぬ ぬぬ",
    }  # fmt: skip
    lines = [
        f"__label__{label} {' '.join([word] * 3)}\n" for label, each in words.items() for word in each.split() * 40
    ]
    (folder / "train.txt").write_text("".join(lines))
    model = fasttext.train_supervised(str(folder / "train.txt"), dim=8, epoch=15, thread=1, seed=1, verbose=0)
    model.save_model(str(folder / "lid.bin"))
    return folder / "lid.bin"


TEXTS_BY_CODE = {
    "river river": "en",
    "reke reke": "sr",
    "реке реке": "sr",
    "河流": "zh",
    "xqz zxq": "zxx",
    "ぬめ": "und",
    "12 -- !": "und",
}


def test_labels_with_scripts_are_codes_where_asked_and_what_is_no_language_is_not_sure(labelled_model: Path) -> None:
    codes, scores = load(str(labelled_model), labels="codes").identify(pa.array(list(TEXTS_BY_CODE)))
    assert codes.to_pylist() == list(TEXTS_BY_CODE.values())
    assert all((score == 0) == (code == "und") for code, score in zip(codes.to_pylist(), scores, strict=True))
    own, first = load(str(labelled_model)).identify(pa.array(list(TEXTS_BY_CODE)))
    assert own.to_pylist()[:4] == ["eng_Latn", "srp_Latn", "srp_Cyrl", "cmn_Hani"]
    assert scores[1] >= first[1], "what both scripts of a language get is added"
    hand = load(str(labelled_model), labels=(("srp_Latn", "sh"), ("hrv_Latn", "sh")))
    assert hand.identify(pa.array(["reke reke", "rijeke", "river"]))[0].to_pylist() == ["sh", "sh", "en"]
    with pytest.raises(ConfigError, match=r"no label 'srp_Latin'.*srp_Latn"):
        load(str(labelled_model), labels=(("srp_Latin", "sr"),))


def test_every_code_of_two_letters_here_is_meant_by_a_label_of_fineweb2() -> None:
    """The labels and codes of that file, made from its repository: no label means another two-letter code than its own."""
    with open(
        Path(curate.__file__).parent.parent / "filters" / "languages" / "fineweb2.jsonl", encoding="utf-8"
    ) as file:
        lines = [json.loads(line) for line in file][1:]
    found = {(line["code"], code_of_label(line["language"])) for line in lines}
    assert all(code in (own, "no") or len(code) > 2 for own, code in found if own)
    listed = {own for own, _ in found}
    assert {code for code in LANGUAGES if len(code) == 2 and code in listed} <= {code for _, code in found} | {"no"}
    assert code_of_label("nob_Latn") == "no" and code_of_label("ekk_Latn") == "et"


def test_a_run_s_documents_are_kept_and_looked_for_numbers_by_the_codes_of_labels(
    labelled_model: Path, tmp_path: Path
) -> None:
    setting = {"model": str(labelled_model), "labels": "codes", "keep": ["sr"], "minimum": 0.1}
    texts = ["reke planine reke 011 123 4567", "river mountain"]
    made = curate.run(pipeline(tmp_path, texts, setting), out=tmp_path / "run", engine="serial", until="language")
    assert sorted((row["language"], row["kept"]) for row in ledger(made)) == [("en", False), ("sr", True)]
    assert "RS" in regions_of("sr") and regions_of("srp_Latn") == regions_of("sr")
    with pytest.raises(ConfigError, match="it is 'sr', not 'srp_Latn'"):
        wrong = pipeline(tmp_path, texts, setting | {"keep": ["srp_Latn"]})
        curate.run(wrong, out=tmp_path / "run", engine="serial", until="language")


def test_one_package_owns_the_module_fasttext() -> None:
    owners = importlib.metadata.packages_distributions()["fasttext"]
    assert set(owners) == {"fasttext-community"}


def pipeline(folder: Path, rows: list[str], setting: dict[str, Any]) -> Path:
    with gzip.open(folder / "texts.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in rows)
    source = {"read": {"format": "jsonl", "paths": ["texts.jsonl.gz"]}, "steps": [{"language": setting}]}
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"name": "languages", "sources": {"web": source}}))
    return path


def ledger(run: curate.Run) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ds.dataset(run.path / "ledger").to_table().to_pylist()
    return rows


@pytest.mark.slow
def test_a_run_keeps_the_languages_asked_for(tmp_path: Path) -> None:
    texts = [ENGLISH, GERMAN, "", f"{ENGLISH}\n{GERMAN}"]
    path = pipeline(tmp_path, texts, {"keep": ["en"], "minimum": 0.65, "paragraphs": True, "most_other": 0.4})
    first = curate.run(path, out=tmp_path / "run", engine="serial", until="language")
    rows = [row for row in ledger(first) if row["language"]]
    codes, scores = language.identify(texts)
    assert {(row["language"], row["language_score"]) for row in rows} <= set(zip(codes, scores.tolist(), strict=True))
    by_chars = {row["chars"]: row for row in rows}
    assert by_chars[len(ENGLISH)]["kept"]
    assert by_chars[len(GERMAN)]["failed"] == ["language/keep"]
    assert "language/most_other" in by_chars[len(texts[3])]["failed"]
    assert by_chars[len(texts[3])]["language.paragraphs"] == 2

    stricter = curate.run(
        path, {"language.minimum": 0.9999999}, out=tmp_path / "run", engine="serial", until="language"
    )
    assert not {"read", "evaluate"} & stricter.executed.keys(), "a threshold reads no text again"
    assert stricter.executed["verdicts"] == 1


@pytest.mark.slow
def test_every_language_can_be_kept_with_its_column(tmp_path: Path) -> None:
    run = curate.run(
        pipeline(tmp_path, [ENGLISH, GERMAN], {"keep": "all"}), out=tmp_path / "run", engine="serial", until="language"
    )
    assert sorted((row["language"], row["kept"]) for row in ledger(run)) == [("de", True), ("en", True)]


def test_a_language_unknown_to_the_model_is_a_mistake_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no language 'eng'"):
        curate.run(
            pipeline(tmp_path, [ENGLISH], {"keep": ["eng"]}), out=tmp_path / "run", engine="serial", until="language"
        )
    with pytest.raises(ConfigError, match="sha256"):
        setting = {"keep": "all", "model": "https://models.example/lid.bin"}
        curate.run(pipeline(tmp_path, [ENGLISH], setting), out=tmp_path / "run", engine="serial", until="language")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    setting = {"keep": "all", "model": "none.bin"}
    with pytest.raises((ConfigError, FileNotFoundError), match=r"none\.bin"):
        curate.run(pipeline(tmp_path, [ENGLISH], setting), out=tmp_path / "run", engine="serial", until="language")


@pytest.mark.parametrize(
    "text", ["a" * 300, "ha" * 40, "ha " * 40, "lol " * 60, "на " * 50, "字" * 200, "0123456789 " * 40]
)
def test_what_says_one_thing_again_and_again_is_no_language_that_anyone_is_sure_of(text: str) -> None:
    (code,), scores = language.identify([text])
    assert code == "und" or scores[0] < 0.5, (code, scores[0])


PHRASES = [
    "英语口语学习",
    "今天天气很好",
    "我们一起去学校",
    "中国的历史和文化",
    "请问火车站在哪里",
    "学习方法介绍",
    "新闻联播",
]


@pytest.mark.parametrize("text", PHRASES)
def test_short_chinese_is_chinese_and_not_one_of_its_varieties(text: str) -> None:
    assert language.identify([text])[0] == ["zh"]


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "ok",
        "el",
        "OK!",
        "x = [1, 2]",
        "def f(x):\n    return x + 1",
        "El perro come. The dog eats.",
        "1234 @#$",
    ],
)
def test_what_is_too_short_or_no_language_is_not_named_with_confidence(text: str) -> None:
    (code,), scores = language.identify([text])
    assert code == "und" or scores[0] < 0.65, (code, scores[0])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("你好", "zh"),
        ("こんにちは", "ja"),
        ("안녕하세요", "ko"),
        ("สวัสดี", "th"),
        ("HELLO THERE, HOW ARE YOU TODAY?", "en"),
    ],
)
def test_scripts_and_capitals_tell_the_language_of_a_greeting(text: str, code: str) -> None:
    assert language.identify([text])[0] == [code]
