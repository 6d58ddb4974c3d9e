"""`curate validate` from a file to a verdict: one validation set, resumable proxies, honest words."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch")

from curate.cli.main import main  # noqa: E402
from curate.engine.seal import sealed  # noqa: E402
from curate.errors import ConfigError  # noqa: E402
from curate.shards import ShardReader  # noqa: E402
from curate.shards.entry import ShardEntry  # noqa: E402
from curate.tokens import load, load_recorded  # noqa: E402
from curate.trainer.compare.proxies import ProxyError  # noqa: E402
from curate.trainer.compare.validate import read_validation, validate  # noqa: E402
from curate.trainer.compare.validation_plan import Device, plan_validation  # noqa: E402
from curate.trainer.evaluate.rows import read_texts  # noqa: E402
from curate.trainer.evaluate.validation_set import choose_texts  # noqa: E402
from curate.trainer.model.architecture import matrix_parameters, training_flops_per_token  # noqa: E402
from tests.support.trainer_example import LENGTH, MERGES, make_shards  # noqa: E402

ROOT = Path(__file__).parents[2]
OUTSIDE = [
    f"Zebra {n} juggles {n * 7} violet umbrellas while nobody at all watches from window {n}." for n in range(12)
]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.getbasetemp() / "trainer")


def inside(shards: Path) -> str:
    """A text that is in the mix."""
    reader = ShardReader(shards)
    view = reader.open(reader.split("train")[0])
    return load(reader.tokenizer["name"]).decode(view.tokens[view.offsets[2] : view.offsets[3] - 1])


def write(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def scrambled(folder: Path, tenths: int = 10) -> None:
    """In so many of ten documents of a copy of shards every token is replaced by one of a few: nothing of text is left."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["shards"]:
        path = folder / entry["file"]
        with pa.ipc.open_stream(path.read_bytes()) as reader:
            table = reader.read_all()
        lists = table.column("tokens").combine_chunks()
        spoilt = np.repeat(np.arange(len(lists)) % 10 < tenths, np.diff(lists.offsets.to_numpy()))
        counted = np.arange(len(lists.values), dtype=np.uint16) % 7
        values = np.where(spoilt, counted, lists.values.to_numpy()).astype(np.uint16)
        tokens = pa.ListArray.from_arrays(lists.offsets, pa.array(values, lists.values.type))
        table = table.set_column(table.schema.get_field_index("tokens"), table.schema.field("tokens"), tokens)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_batch(table.to_batches()[0])
        entry |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
    del manifest["checksum"]
    (folder / "manifest.json").write_bytes(sealed({**manifest, "fingerprint": "0badc0de"}))


def config(folder: Path, shards: Path, **changes: str) -> Path:
    """A validation file of two mixes, which are the same."""
    if not (folder / "copy").exists():
        shutil.copytree(shards / "shards", folder / "copy")
    write(folder / "zebras.jsonl", OUTSIDE)
    keys = {"seeds": "2", "devices": "[cpu]", **changes}
    file = folder / "validate.yaml"
    file.write_text(
        f"name: same\nmixes: {{one: '{shards}', two: copy}}\n"
        + "".join(f"{key}: {value}\n" for key, value in keys.items())
        + f"out: '{folder / 'out'}'\nproxy:\n"
        f"  model: {{vocabulary: {MERGES + 1}, layers: 1, width: 16, heads: 2, context: {LENGTH}}}\n"
        f"  data: {{sequence_length: {LENGTH}}}\n  budget: {{tokens: {6 * 4 * LENGTH}}}\n"
        f"  batch: {{tokens: {4 * LENGTH}, micro: 4}}\n  precision: float32\n  compile: false\n"
        "evaluation: {texts: {zebras: zebras.jsonl}, points: 3}\n"
    )
    return file


def test_two_mixes_that_are_the_same_are_not_told_apart(shards: Path, tmp_path: Path) -> None:
    """And what is done is kept: the second call trains nothing, a changed setting trains again."""
    said: list[str] = []
    verdict = validate(read_validation(config(tmp_path, shards)), said.append)
    pair = verdict.pairs[0]
    assert pair.primary.comparison.difference == 0
    assert "No difference shown" in pair.sentence
    assert [curve.tokens for curve in verdict.curves] == [(256, 512, 768)] * 2
    assert verdict.curves[0].mean[0] > verdict.curves[0].mean[-1]
    for name in ("verdict.json", "verdict.md", "verdict.html"):
        assert (tmp_path / "out" / name).stat().st_size
    assert any("zebras: 12 texts; left out: 0 copies, 0 in one, 0 in two." in note for note in verdict.notes)
    validate(read_validation(config(tmp_path, shards)), said.append)
    assert said[-1] == "4 proxies, 4 done already"
    said.clear()
    validate(read_validation(config(tmp_path, shards), ["proxy.optimizer.learning_rate=1.0e-3"]), said.append)
    assert said[0] == "4 proxies, 0 done already"


def test_without_texts_proxies_are_measured_by_what_the_runs_hold_back(shards: Path, tmp_path: Path) -> None:
    """And by tasks made from it; nothing is downloaded, and the second call trains nothing. The example's texts are made of
    few sentences, so that each holds runs of others; by themselves they would be left out.
    """
    file = config(tmp_path, shards)
    file.write_text(file.read_text().partition("evaluation:")[0] + "evaluation: {overlap: 1, limit: 12, points: 1}\n")
    verdict = validate(read_validation(file), lambda _: None)
    reader = ShardReader(shards)
    assert any(note.startswith("reference: 12 texts; left out: 0 copies") for note in verdict.notes)
    assert "reference: documents that the mixes' runs hold back from training." in verdict.notes
    assert [row.comparison.name for row in verdict.pairs[0].rows[1:]] == [*["next-words"] * 2, *["last-word"] * 2]
    trained = {text for entry in reader.split("train") for text in texts_of(reader, entry)}
    written = read_texts(tmp_path / "out" / "texts" / "reference.jsonl.gz")
    assert len(written) == 12
    assert not trained & set(written)
    said: list[str] = []
    assert validate(read_validation(file), said.append).to_json() == verdict.to_json()
    assert said == ["4 proxies, 4 done already"]


def texts_of(reader: ShardReader, entry: ShardEntry) -> list[str]:
    """The documents of a shard."""
    view = reader.open(entry)
    tokenizer = load_recorded(reader.tokenizer)
    return [tokenizer.decode(view.tokens[begin : end - 1]) for begin, end in itertools.pairwise(view.offsets.tolist())]


def test_runs_that_hold_nothing_back_need_texts_of_ones_own(shards: Path, tmp_path: Path) -> None:
    file = config(tmp_path, shards)
    file.write_text(file.read_text().partition("evaluation:")[0])
    manifest = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    manifest["shards"] = [entry for entry in manifest["shards"] if entry["split"] == "train"]
    del manifest["checksum"]
    (tmp_path / "copy" / "manifest.json").write_bytes(sealed({**manifest, "fingerprint": "0badc0de"}))
    with pytest.raises(ConfigError, match=r"evaluation\.texts: .*copy holds no documents back"):
        validate(read_validation(file), lambda _: None)


def test_a_limit_draws_texts_from_the_whole_of_a_file(shards: Path, tmp_path: Path) -> None:
    """A file that is sorted is not read from its beginning; and the draw knows nothing of the order."""
    path = write(tmp_path / "texts.jsonl", OUTSIDE)
    (domain,) = choose_texts({"web": str(path)}, {"mix": str(shards)}, 0.2, 4)
    assert len(domain.items) == 4
    assert domain.items != (0, 1, 2, 3)
    (turned,) = choose_texts({"web": str(write(path, OUTSIDE[::-1]))}, {"mix": str(shards)}, 0.2, 4)
    assert {OUTSIDE[::-1][item] for item in turned.items} == {OUTSIDE[item] for item in domain.items}


def test_a_proxy_that_was_killed_goes_on_from_its_checkpoint(shards: Path, tmp_path: Path) -> None:
    settings = read_validation(config(tmp_path, shards))
    before = validate(settings, lambda _: None)
    folder = tmp_path / "out" / "proxies" / "two" / "seed-1"
    assert [path.name for path in (folder / "checkpoints").glob("step-*")] == ["step-00000006"], "one is kept"
    (folder / "result.json").unlink()
    (folder / "curve" / "step-00000006.json").unlink()
    assert validate(settings, lambda _: None).to_json() == before.to_json()
    (folder / "result.json").unlink()
    shutil.rmtree(folder / "checkpoints")
    (folder / "curve" / "step-00000006.json").write_text("{}")
    assert validate(settings, lambda _: None).to_json() == before.to_json(), (
        "measurements of a lost attempt are not kept"
    )


@pytest.mark.parametrize("devices", ["[cpu]", "[cpu, cpu]"])
def test_a_proxy_that_fails_is_tried_again_and_the_same_command_goes_on(
    shards: Path, tmp_path: Path, devices: str
) -> None:
    """The others are done meanwhile: a file where one's checkpoints should be stops only that one."""
    settings = read_validation(config(tmp_path, shards, seeds="1", attempts="2", devices=devices))
    blocked = tmp_path / "out" / "proxies" / "one" / "seed-0" / "checkpoints"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("not a folder")
    said: list[str] = []
    with pytest.raises(ProxyError, match="1 of 2 proxies failed 2 times; the same command goes on"):
        validate(settings, said.append)
    assert sum("one/seed-0 failed on cpu, attempt" in line for line in said) == 2
    assert "two/seed-0 done on cpu" in said
    blocked.unlink()
    validate(settings, said.append)
    assert said[-2:] == ["2 proxies, 1 done already", "one/seed-0 done on cpu"]


def test_a_budget_in_minutes_gives_a_learning_curve(shards: Path, tmp_path: Path) -> None:
    """Of about as many points as asked for, at equal shares of the time: a step as long as a share passes one by."""
    settings = read_validation(config(tmp_path, shards, seeds="1"), ["proxy.budget={minutes: 0.03}"])
    verdict = validate(settings, lambda _: None)
    for curve in verdict.curves:
        assert 2 <= len(curve.tokens) <= 3
        assert 0 < curve.tokens[0] < curve.tokens[-1]


def test_a_budget_in_flops_trains_every_mix_as_long(shards: Path, tmp_path: Path) -> None:
    settings = read_validation(config(tmp_path, shards, seeds="1"), ["proxy.budget={flops: 3.0e8}"])
    first, second = validate(settings, lambda _: None).curves
    assert first.tokens == second.tokens
    spent = first.tokens[-1] * training_flops_per_token(settings.proxy.model, LENGTH)
    assert spent == pytest.approx(3.0e8, rel=0.1)


def test_proxies_run_apart_on_several_devices(shards: Path, tmp_path: Path) -> None:
    said: list[str] = []
    verdict = validate(read_validation(config(tmp_path, shards, devices="[cpu, cpu]", seeds="1")), said.append)
    assert sorted(line for line in said if "done on cpu" in line) == [
        "one/seed-0 done on cpu",
        "two/seed-0 done on cpu",
    ]
    assert "one seed says nothing" in verdict.pairs[0].sentence


def test_the_validation_set_holds_no_copies_and_nothing_of_any_mix(shards: Path, tmp_path: Path) -> None:
    there = inside(shards)
    path = write(tmp_path / "texts.jsonl", [*OUTSIDE[:3], OUTSIDE[0].upper(), there, "", OUTSIDE[3]])
    (domain,) = choose_texts({"web": str(path)}, {"mix": str(shards)}, 0.2, None)
    assert domain.items == (0, 1, 2, 6)
    assert domain.copies == 2
    assert domain.in_mixes == {"mix": 1}
    only = write(tmp_path / "only.jsonl", [there, there + "."])
    with pytest.raises(ValueError, match=r"evaluation\.texts.web: 0 of 2 texts are in no mix"):
        choose_texts({"web": str(only)}, {"mix": str(shards)}, 0.2, None)


def test_a_hopeless_mix_is_stopped_and_the_rest_go_on(shards: Path, tmp_path: Path) -> None:
    """One mix whose documents are noise, three seeds, a look after two; a task is measured beside the texts."""
    rows = [{"sentence_good": text, "sentence_bad": text[::-1], "UID": "zebra"} for text in OUTSIDE]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "blimp.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
    file = config(tmp_path, shards, seeds="3", stopping="{looks: [2]}")
    noise = shutil.copytree(tmp_path / "copy", tmp_path / "noise")
    scrambled(noise)
    tasks = ["evaluation.tasks=[blimp]", "evaluation.folder=."]
    settings = read_validation(file, ["proxy.optimizer.learning_rate=0.02", "proxy.budget.tokens=2048", *tasks])
    settings = settings.model_copy(update={"mixes": {**settings.mixes, "noise": str(noise)}})
    said: list[str] = []
    verdict = validate(settings, said.append)
    assert [(each.mix, each.seeds) for each in verdict.stopped] == [("noise", 2)]
    assert "noise was stopped after 2 seeds" in (tmp_path / "out" / "verdict.md").read_text()
    assert [(pair.first, pair.second) for pair in verdict.pairs] == [("one", "two")]
    assert [len(curve.tokens) for curve in verdict.curves] == [3, 3, 3]
    assert [(row.comparison.name, row.comparison.unit) for row in verdict.pairs[0].rows[1:]] == [
        ("blimp", "accuracy"),
        ("blimp", "gold bits/byte"),
    ]
    assert not (tmp_path / "out" / "proxies" / "noise" / "seed-2" / "result.json").exists()
    assert said[0] == "6 proxies, 0 done already"
    with pytest.raises(ConfigError, match=r"stopping\.looks: 3 is no look before the end"):
        read_validation(file, ["stopping.looks=[3]"])


def test_mixes_that_are_spoilt_more_and_more_are_ranked_in_their_true_order(shards: Path, tmp_path: Path) -> None:
    """None, four and ten of ten documents; the last is shown to be the worst, all intervals together."""
    file = config(tmp_path, shards, seeds="4")
    mixes = {"clean": str(shards)}
    for tenths in (4, 10):
        folder = shutil.copytree(tmp_path / "copy", tmp_path / f"spoilt-{tenths}")
        scrambled(folder, tenths)
        mixes[f"spoilt-{tenths}"] = str(folder)
    changes = [
        "proxy.optimizer.learning_rate=0.02",
        "proxy.budget.tokens=6000",
        "proxy.average=0.2",
        "evaluation.points=1",
    ]
    ranking = validate(read_validation(file, changes).model_copy(update={"mixes": mixes}), lambda _: None).ranking
    assert ranking is not None
    assert [place.mix for place in ranking.places] == list(mixes)
    assert (ranking.places[-1].highest, ranking.places[0].lowest) == (3, 2)


def test_each_seed_reads_its_own_part_of_a_mix(shards: Path, tmp_path: Path) -> None:
    validate(read_validation(config(tmp_path, shards)), lambda _: None)
    jobs = [
        json.loads((tmp_path / "out" / "proxies" / "one" / f"seed-{seed}" / "job.json").read_bytes()) for seed in (0, 1)
    ]
    total = sum(entry.tokens for entry in ShardReader(shards).split("train"))
    assert [job["training"]["data"]["start"] for job in jobs] == [0, total // 2]
    assert jobs[0]["training"]["data"]["seed"] == jobs[1]["training"]["data"]["seed"]


def test_the_example_of_an_hour_costs_an_hour() -> None:
    """Of an H100 at 30 % of its peak; at 20 tokens a parameter."""
    settings = read_validation(ROOT / "examples" / "validate-h100-hour.yaml")
    plan = plan_validation(settings, Device(989e12, 0.3))
    assert 0.8 < plan.chosen.hours <= 1
    assert (plan.tokens or 0) / matrix_parameters(settings.proxy.model) == pytest.approx(20, rel=0.05)


@pytest.mark.parametrize("name", ["validate.yaml", "validate-sizes.yaml", "validate-h100-hour.yaml"])
def test_each_example_has_a_plan(name: str, shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which costs no more than the file says: those for a CPU less than a minute of an H100."""
    mixes = ", ".join(f"{mix}: '{shards}'" for mix in read_validation(ROOT / "examples" / name).mixes)
    changes = ["--set", f"mixes={{{mixes}}}", "--noise", "0.01", "--format", "json"]
    assert main(["validate", str(ROOT / "examples" / name), "--plan", *changes]) == 0
    told = json.loads(capsys.readouterr().out)
    plans = list(told.values()) if name == "validate-sizes.yaml" else [told]
    assert len(plans) == (3 if name == "validate-sizes.yaml" else 1)
    for plan in plans:
        assert 0 < plan["chosen"]["one_pair"] < 1
        assert plan["chosen"]["hours"] < (1 if name == "validate-h100-hour.yaml" else 1 / 60)


def test_the_example_s_file_is_valid_and_mistakes_are_named(tmp_path: Path) -> None:
    settings = read_validation(ROOT / "examples" / "validate.yaml")
    assert len(settings.mixes) == 2
    assert all(Path(text).is_file() for text in settings.evaluation.texts.values())
    with pytest.raises(ConfigError, match=r"evaluation.tasks: no task 'chess'"):
        read_validation(ROOT / "examples" / "validate.yaml", ["evaluation.tasks=chess"])
    with pytest.raises(ConfigError, match=r"proxy.data.path: leave it out"):
        read_validation(ROOT / "examples" / "validate.yaml", ["proxy.data.path=a"])
