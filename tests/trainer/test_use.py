"""What one does with a model: measure it, let it write, fine-tune it, export it; by function and by command."""

from __future__ import annotations

import codecs
import gzip
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from curate.cli.main import main  # noqa: E402
from curate.shards import ShardReader  # noqa: E402
from curate.tokens import Tokenizer, load  # noqa: E402
from curate.trainer.evaluate.evaluate import (  # noqa: E402
    Measure,
    bits_per_byte,
    encode,
    find_in_training,
    score_items,
    wikitext_perplexity,
)
from curate.trainer.evaluate.finetune import FineTuning, classify, finetune, measure, read_examples  # noqa: E402
from curate.trainer.evaluate.scoring import continuation_likelihoods, document_nats  # noqa: E402
from curate.trainer.evaluate.task_formats import Item  # noqa: E402
from curate.trainer.evaluate.tasks import find_task  # noqa: E402
from curate.trainer.model.architecture import Architecture  # noqa: E402
from curate.trainer.model.generate import Sampling, beam_search, cache_bytes, choose, generate, stream  # noqa: E402
from curate.trainer.model.model import GPT  # noqa: E402
from curate.trainer.train.checkpoint import load_model, open_checkpoint  # noqa: E402
from curate.trainer.train.train import train  # noqa: E402
from tests.support.trainer_example import LENGTH, make_shards, settings  # noqa: E402

VOCABULARY = 61


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a model that has seen the example."""
    folder = tmp_path_factory.mktemp("trained")
    shards = make_shards(tmp_path_factory.getbasetemp() / "trainer")
    return train(settings(shards, folder / "checkpoints", 120), lambda _: None).folder


@pytest.fixture(scope="module")
def tokenizer(trained: Path) -> Tokenizer:
    return load(open_checkpoint(trained).about["tokenizer"]["name"])


@pytest.fixture(scope="module")
def model(trained: Path) -> GPT:
    return load_model(open_checkpoint(trained), torch.device("cpu"))


@pytest.fixture(scope="module")
def random_model() -> GPT:
    made = GPT(Architecture(vocabulary=VOCABULARY, context=24, layers=2, width=16, heads=2)).eval()
    made.initialise(3)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(8)  # sharper than at the start
    return made


def command(*arguments: str) -> int:
    return main(arguments)


def greedily(model: GPT, prompt: list[int], tokens: int) -> list[int]:
    """The same without a cache."""
    result = list(prompt)
    with torch.no_grad():
        for _ in range(tokens):
            result.append(int(model(torch.tensor([result]))[0, -1].argmax()))
    return result[len(prompt) :]


def test_greedy_text_is_that_without_a_cache_for_prompts_of_any_length(random_model: GPT) -> None:
    prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9, 10]]
    expected = [greedily(random_model, prompt, 10) for prompt in prompts]
    assert generate(random_model, prompts, 10, Sampling(temperature=0)) == expected


def test_text_comes_token_by_token_and_ends_at_end_of_text(random_model: GPT) -> None:
    whole = generate(random_model, [[1, 2, 3]], 10, Sampling(temperature=0))[0]
    end = whole[4]
    first = whole.index(end)
    steps = list(stream(random_model, [[1, 2, 3]], 10, Sampling(temperature=0), end))
    assert [step[0] for step in steps] == [*whole[:first], None]


def test_the_same_seed_writes_the_same_text(random_model: GPT) -> None:
    first, again, other = (generate(random_model, [[1]], 12, Sampling(seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_samples_come_from_the_most_likely_tokens() -> None:
    """top-k and top-p leave what they should, and temperature sharpens."""
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.15, 0.1]])).expand(4000, 4)
    unseen = torch.zeros(4000, 4, dtype=torch.bool)

    def shares(**sampling: float | None) -> list[float]:
        chosen = choose(logits, unseen, Sampling(**sampling), torch.Generator().manual_seed(0))  # type: ignore[arg-type]
        return (torch.bincount(chosen, minlength=4) / 4000).tolist()  # type: ignore[no-any-return]

    assert shares() == pytest.approx([0.5, 0.25, 0.15, 0.1], abs=0.03)
    assert shares(top_k=2) == pytest.approx([2 / 3, 1 / 3, 0, 0], abs=0.03)
    assert shares(top_p=0.7) == pytest.approx([2 / 3, 1 / 3, 0, 0], abs=0.03)
    assert shares(top_p=0.5)[0] == 1
    squares = np.array([0.5, 0.25, 0.15, 0.1]) ** 2
    assert shares(temperature=0.5) == pytest.approx(squares / squares.sum(), abs=0.03)
    assert shares(temperature=0)[0] == 1


def test_the_repetition_penalty_makes_seen_tokens_less_likely() -> None:
    logits, seen = torch.tensor([[2.0, 1.5, -1.0]]), torch.tensor([[True, False, False]])
    assert choose(logits, seen, Sampling(temperature=0), torch.Generator()).item() == 0
    assert choose(logits, seen, Sampling(temperature=0, repetition_penalty=2), torch.Generator()).item() == 1


def test_beam_search_finds_the_likeliest_continuation(random_model: GPT) -> None:
    """With as many beams as there are continuations it is exhaustive; its likelihoods are the model's."""
    best = beam_search(random_model, [1, 2], 2, VOCABULARY)
    pairs = [([1, 2], [a, b]) for a in range(VOCABULARY) for b in range(VOCABULARY)]
    scores = [each.nats for each in continuation_likelihoods(random_model, pairs)]
    assert best[0].tokens == pairs[int(np.argmax(scores))][1]
    assert best[0].nats == pytest.approx(max(scores), abs=1e-4)
    one = beam_search(random_model, [1, 2], 6, 1)[0].tokens
    assert one == greedily(random_model, [1, 2], 6)


def test_prompts_longer_than_the_context_lose_their_beginning(random_model: GPT) -> None:
    long = [int(x) for x in torch.randint(0, VOCABULARY, (50,), generator=torch.Generator().manual_seed(1))]
    assert generate(random_model, [long], 4, Sampling(temperature=0)) == [greedily(random_model, long[-20:], 4)]
    with pytest.raises(ValueError, match="24 new tokens"):
        generate(random_model, [[1]], 24, Sampling())


def test_the_memory_of_the_cache_is_known(random_model: GPT) -> None:
    assert cache_bytes(random_model, [[1, 2], [3]], 4) == 2 * 2 * 2 * 16 * 6 * 4


def test_likelihoods_are_those_of_the_logits(random_model: GPT) -> None:
    prompt, continuation = [1, 2, 3], [4, 5]
    with torch.no_grad():
        logits = random_model(torch.tensor([prompt + continuation])).log_softmax(dim=-1)[0]
    expected = (logits[2, 4] + logits[3, 5]).item()
    longer = ([9, 8, 7, 6, 5], [1, 2, 3])
    found, _, windows = continuation_likelihoods(random_model, [(prompt, continuation), longer, ([0], [*range(1, 54)])])
    assert -windows.nats == pytest.approx(document_nats(random_model, [[*range(1, 54)]], 0)[0], rel=1e-5)
    assert found.nats == pytest.approx(expected, abs=1e-5)
    best = [int(logits[2].argmax()), int(logits[3].argmax())]
    assert found.greedy == (best == continuation)


def test_a_document_of_several_windows_has_all_its_tokens_counted_once(random_model: GPT) -> None:
    document = torch.randint(0, VOCABULARY, (53,), generator=torch.Generator().manual_seed(2)).tolist()
    whole = [0, *document]
    expected = 0.0
    with torch.no_grad():
        for begin in range(0, 53, 24):
            piece = torch.tensor([whole[begin : begin + 25]])
            expected += random_model(piece[:, :-1], piece[:, 1:]).sum().item()
    short = document[:5]
    found = document_nats(random_model, [short, document, []], 0)
    assert found[1] == pytest.approx(expected, rel=1e-5)
    assert found[2] == 0


def test_bits_per_byte_do_not_depend_on_how_text_is_cut_into_items(model: GPT, tokenizer: Tokenizer) -> None:
    texts = ["The town lies on a river.", "It is old."]
    whole = bits_per_byte(model, tokenizer, "a", texts)
    parts = [bits_per_byte(model, tokenizer, "a", [text]) for text in texts]
    sizes = [len(text) for text in texts]
    assert whole.mean == pytest.approx(
        sum(part.mean * size for part, size in zip(parts, sizes, strict=True)) / sum(sizes)
    )


def test_a_standard_error_is_that_of_the_items() -> None:
    right = np.array([1.0, 0.0, 1.0, 1.0])
    found = Measure("a", "accuracy", right, np.ones(4))
    assert found.standard_error == pytest.approx(right.std(ddof=1) / 2)
    assert math.isnan(Measure("a", "accuracy", right[:1], np.ones(1)).standard_error)


def test_a_model_prefers_what_it_was_trained_on(model: GPT, tokenizer: Tokenizer, trained: Path) -> None:
    """A task made of the example: its own words, or the same with every letter replaced."""
    reader = ShardReader(Path(open_checkpoint(trained).about["settings"]["data"]["path"]))
    view = reader.open(reader.split("validation")[0])
    texts = [
        tokenizer.decode(view.tokens[a : b - 1][:10]) for a, b in zip(view.offsets[:-1], view.offsets[1:], strict=True)
    ]
    items = [Item(("", ""), (text, codecs.encode(text, "rot13")), 0) for text in texts]
    assert score_items(model, tokenizer, find_task("blimp"), items)[0].mean > 0.8


def test_wikitext_s_perplexity_is_per_word(model: GPT, tokenizer: Tokenizer, tmp_path: Path) -> None:
    article = {"text": " = A town = \n It is old . "}
    (tmp_path / "wikitext2-valid.jsonl.gz").write_bytes(gzip.compress(json.dumps(article).encode(), mtime=0))
    found, perplexity = wikitext_perplexity(model, tokenizer, tmp_path)
    nats = document_nats(model, encode(tokenizer, [" = A town = \n It is old . "]), tokenizer.end_of_text)
    assert perplexity == pytest.approx(math.exp(nats[0] / 8))
    assert found.unit == "nats/word"


def test_items_that_the_mix_holds_are_counted(tokenizer: Tokenizer, trained: Path) -> None:
    data = Path(open_checkpoint(trained).about["settings"]["data"]["path"])
    reader = ShardReader(data)
    view = reader.open(reader.split("train")[0])
    inside = tokenizer.decode(view.tokens[view.offsets[3] : view.offsets[3] + 40])
    outside = "Zebras juggle quickly under violet umbrellas while nobody watches them, or so the proverb wants it."
    found = find_in_training(tokenizer, [inside, outside, "short"], data)
    assert (found.searched, found.share_of_texts) == (2, 0.5)
    runs = [len(ids) - 12 for ids in encode(tokenizer, [inside, outside])]
    assert found.share_of_runs == pytest.approx(runs[0] / sum(runs), abs=0.1)
    assert math.isnan(find_in_training(tokenizer, ["short"], data).share_of_texts)


def test_fine_tuning_learns_classes(model: GPT, tokenizer: Tokenizer) -> None:
    """Of texts with or without a word; and of pairs of texts."""
    rows = [
        {"text": f"{'iron' if n % 2 else 'stone'} and {n}", "label": "metal" if n % 2 else "rock"} for n in range(64)
    ]
    examples, labels = read_examples(rows, tokenizer)
    assert labels == ["metal", "rock"]
    tuned = GPT(model.shape)
    tuned.initialise(0)
    quick = FineTuning(learning_rate=3e-3, batch=8, epochs=10)
    classifier = finetune(tuned, examples[:48], 2, quick, lambda _: None)
    assert measure(classifier, examples[48:]).mean >= 0.9
    pairs, _ = read_examples([{"text": "a" * 200, "second": "b" * 200, "label": "rock"}], tokenizer, labels)
    assert classify(classifier, pairs)[0] in (0, 1)
    with pytest.raises(ValueError, match="row 1: label 'wood' is none of metal, rock"):
        read_examples([{"text": "a", "label": "wood"}], tokenizer, labels)


def test_an_exported_model_is_the_model(trained: Path, model: GPT, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    assert command("model", "export", str(trained), str(tmp_path / "out")) == 0
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    tokens = torch.arange(LENGTH)[None]
    with torch.no_grad():
        assert torch.allclose(model(tokens), theirs(tokens).logits, atol=1e-4)


def test_the_commands_generate_and_evaluate(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--tokens", "8", "--top-p", "0.9", "--temperature", "0.8", "--device", "cpu"]
    assert command("model", "generate", str(trained), "--prompt", "The town", *arguments) == 0
    output = capsys.readouterr()
    assert output.out.startswith("The town")
    assert re.fullmatch(r"cache: \d,\d{3} bytes\n", output.err)
    (tmp_path / "texts.jsonl").write_text('{"text": "The town is old."}\n{"text": "It lies on a river."}\n')
    assert (
        command("model", "evaluate", str(trained), "--texts", f"towns={tmp_path / 'texts.jsonl'}", "--device", "cpu")
        == 0
    )
    assert re.search(r"bits/byte, 2 items, .* found in the training data|too short", capsys.readouterr().out)
    assert command("model", "evaluate", str(trained), "--tasks", "chess") == 2
    assert "no task 'chess'; known: lambada" in capsys.readouterr().err
    assert command("model", "generate", str(tmp_path)) == 1
    assert "no checkpoint in" in capsys.readouterr().err


def test_the_commands_fit_and_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs.jsonl"
    rows = [
        {"parameters": n, "tokens": d, "loss": 1.7 + 400 / n**0.34 + 400 / d**0.28}
        for n in (1e7, 1e8, 1e9)
        for d in (1e9, 1e10, 1e11)
    ]
    runs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command("scaling", "fit", str(runs)) == 0
    assert command("scaling", "plan", str(runs), "--flops", "1e21") == 0
    output = capsys.readouterr().out
    assert "Chinchilla  L = 1.7" in output
    assert "1e+21 FLOP:" in output


def test_without_torch_the_commands_say_what_to_install() -> None:
    program = "import sys; sys.modules['torch'] = None; from curate.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "model", "generate", "a-checkpoint"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "error torch is not installed: pip install 'curate-data[train]'\n"
