"""Commands of the extra `train`: train, model, and those of its neighbours. Parse, call, print; imports PyTorch only when
called."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.cli.arguments import add_number, add_set, natural
from curate.cli.console import MESSAGES, RESULTS, write
from curate.cli.train_instruct import add_instruct
from curate.cli.train_scaling import add_scaling
from curate.cli.train_tasks import add_tasks
from curate.cli.train_validate import add_validate
from curate.errors import ConfigError

if TYPE_CHECKING:
    from curate.trainer.evaluate.evaluate import Measure


def add_commands(commands: Any) -> None:
    """Add the commands to what `ArgumentParser.add_subparsers` gave."""
    train = commands.add_parser("train", help="train a model on shards; goes on where it stopped")
    train.add_argument("file", metavar="FILE", help="training file, such as examples/train/gpt2-124m.yaml")
    train.add_argument("--data", metavar="DIR", help="run directory, shards or mix: the file's data.path")
    add_number(train, "--workers", None, "so many processes under Ray Train; without: this one")
    train.add_argument("--address", metavar="RAY", help="with --workers: address of an existing Ray cluster")
    add_set(train, "change a value of the file")
    train.set_defaults(call=_train)

    add_validate(commands)
    model = commands.add_parser("model", help="use a trained model").add_subparsers(required=True, metavar="ACTION")
    _add_generate(model)
    _add_evaluate(model)
    _add_finetune(model)
    add_instruct(model)
    export = model.add_parser("export", help="write a model for Hugging Face transformers")
    export.add_argument("checkpoint", metavar="CHECKPOINT", help="a checkpoint of a training")
    export.add_argument("out", metavar="DIR", help="folder to write")
    export.set_defaults(call=_export)
    into = model.add_parser("import", help="take a GPT or LLaMA folder of Hugging Face transformers as a checkpoint")
    into.add_argument("folder", metavar="FOLDER", help="with config.json, safetensors and tokenizer.json")
    into.add_argument("out", metavar="DIR", help="folder to write")
    into.add_argument("--tokenizer", metavar="NAME", help="a tokenizer's name or file (default: the folder's)")
    into.set_defaults(call=_import)
    merge = model.add_parser(
        "merge", help="several checkpoints as one: the mean of their weights, or the arc between two"
    )
    merge.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help="of one shape and one tokenizer")
    merge.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    merge.add_argument(
        "--slerp", type=float, metavar="T", help="so far along the arc from the first to the second, 0 to 1"
    )
    merge.set_defaults(call=_merge)
    add_tasks(commands)
    add_scaling(commands)


def _add_generate(model: Any) -> None:
    generate = model.add_parser("generate", help="continue prompts")
    generate.add_argument("checkpoint", metavar="CHECKPOINT", help="a checkpoint of a training")
    generate.add_argument("--prompt", action="append", default=[], metavar="TEXT", help="text to continue")
    generate.add_argument("--tokens", type=natural, default=100, metavar="N", help="most tokens to add (default: 100)")
    generate.add_argument(
        "--temperature", type=float, default=1.0, metavar="T", help="0: always the most likely token (default: 1)"
    )
    generate.add_argument("--top-k", type=int, metavar="K", help="draw only from the K most likely tokens")
    generate.add_argument(
        "--top-p", type=float, metavar="P", help="draw only from the likeliest tokens that together have probability P"
    )
    generate.add_argument(
        "--repetition-penalty",
        type=float,
        default=1.0,
        metavar="X",
        help="above 1, what was said is less likely (default: 1)",
    )
    generate.add_argument("--beams", type=int, metavar="N", help="beam search instead of sampling")
    generate.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, another draw (default: 0)")
    generate.add_argument("--device", default="auto", help="cpu, cuda, or auto: the best that is there (default: auto)")
    generate.set_defaults(call=_generate)


def _add_evaluate(model: Any) -> None:
    evaluate = model.add_parser("evaluate", help="measure a model on tasks and texts")
    evaluate.add_argument("checkpoint", metavar="CHECKPOINT", help="a checkpoint of a training")
    evaluate.add_argument("--tasks", default="", help="such as wikitext2,lambada,arc-easy")
    evaluate.add_argument("--shots", type=_shots, default="0", help="solved examples before each item, such as 0,1,5")
    evaluate.add_argument(
        "--style", choices=("olmes", "harness"), default="olmes", help="how tasks are written (default: olmes)"
    )
    evaluate.add_argument(
        "--measures",
        default="accuracy,gold bits/byte",
        help="of: accuracy, gold bits/byte, probability, margin (default: the first two)",
    )
    evaluate.add_argument("--groups", action="store_true", help="MMLU by subject and BLiMP by paradigm as well")
    evaluate.add_argument(
        "--folder", metavar="DIR", help="of the tasks' files (default: where `curate tasks fetch` puts them)"
    )
    evaluate.add_argument("--texts", action="append", default=[], metavar="NAME=FILE", help="JSON Lines: bits per byte")
    evaluate.add_argument("--data", metavar="DIR", help="look for items and texts in this mix (default: the model's)")
    add_number(evaluate, "--limit", None, "most items of each")
    evaluate.add_argument("--device", default="auto", help="cpu, cuda, or auto: the best that is there (default: auto)")
    evaluate.set_defaults(call=_evaluate)


def _add_finetune(model: Any) -> None:
    finetune = model.add_parser("finetune", help="train a classifier on a model, as GPT-1 did")
    finetune.add_argument("checkpoint", metavar="CHECKPOINT", help="a checkpoint of a training")
    finetune.add_argument("--train", required=True, metavar="FILE", help="JSON Lines with text, label (and second)")
    finetune.add_argument("--test", required=True, metavar="FILE", help="the same, to be predicted")
    finetune.add_argument("--out", metavar="FILE", help="predicted classes, a line per test example")
    finetune.add_argument(
        "--epochs", type=int, default=3, metavar="N", help="passes over the training file (default: 3)"
    )
    finetune.add_argument(
        "--learning-rate", type=float, default=6.25e-5, metavar="X", help="its maximum (default: 6.25e-5, GPT-1's)"
    )
    finetune.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the new layer and the order (default: 0)"
    )
    finetune.add_argument("--device", default="auto", help="cpu, cuda, or auto: the best that is there (default: auto)")
    finetune.set_defaults(call=_finetune)


def _shots(text: str) -> list[int]:
    counts = text.split(",")
    if not all(count.strip().isdigit() for count in counts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers, as in 0,1,5")
    return [int(count) for count in counts]


def _train(options: argparse.Namespace) -> int:
    from curate.trainer.train.settings import read_training

    settings = read_training(options.file, [*options.set, *([f"data.path={options.data}"] if options.data else [])])
    if options.workers:
        from curate.trainer.train.ray_train import train_on_ray
        from curate.trainer.train.train import output_folder

        train_on_ray(settings, options.workers, options.address)
        RESULTS.print(f"Checkpoints: {output_folder(settings)}")
        return 0
    from curate.trainer.train.train import train

    RESULTS.print(f"Checkpoints: {train(settings).folder}")
    return 0


def _generate(options: argparse.Namespace) -> int:
    from curate.tokens import load_recorded
    from curate.trainer.evaluate.evaluate import encode
    from curate.trainer.model.generate import Sampling, beam_search, cache_bytes, stream
    from curate.trainer.train.checkpoint import load_model, open_checkpoint
    from curate.trainer.train.parallel import pick_device

    checkpoint = open_checkpoint(options.checkpoint)
    model = load_model(checkpoint, pick_device(options.device))
    tokenizer = load_recorded(checkpoint.about["tokenizer"])
    texts = options.prompt or [""]
    end = tokenizer.end_of_text
    prompts = [[end, *ids.tolist()] for ids in encode(tokenizer, texts)]
    MESSAGES.print(f"cache: {cache_bytes(model, prompts, options.tokens):,} bytes")
    if options.beams:
        for text, prompt in zip(texts, prompts, strict=True):
            for beam in beam_search(model, prompt, options.tokens, options.beams, end):
                write(f"{beam.nats:.2f}\t{text}{tokenizer.decode(beam.tokens)}\n")
        return 0
    sampling = Sampling(options.temperature, options.top_k, options.top_p, options.repetition_penalty, options.seed)
    results: list[list[int]] = [[] for _ in prompts]
    shown = 0
    alone = len(prompts) == 1
    for count, step in enumerate(stream(model, prompts, options.tokens, sampling, end)):
        if alone and not count:
            write(texts[0])
        for result, token in zip(results, step, strict=True):
            if token is not None:
                result.append(token)
        text = tokenizer.decode(results[0]) if alone else ""
        if alone and not text.endswith("\N{REPLACEMENT CHARACTER}"):  # not within a character's bytes
            write(text[shown:])
            shown = len(text)
    if alone:
        write(tokenizer.decode(results[0])[shown:] + "\n")
    else:
        for text, result in zip(texts, results, strict=True):
            write(text + tokenizer.decode(result) + "\n")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from curate.tokens import load_recorded
    from curate.trainer.evaluate.evaluate import bits_per_byte, measure_task, wikitext_perplexity
    from curate.trainer.evaluate.rows import read_texts
    from curate.trainer.evaluate.task_scores import MEASURES
    from curate.trainer.evaluate.tasks import fetched_folder, find_task
    from curate.trainer.evaluate.validation_set import draw_texts
    from curate.trainer.train.checkpoint import load_model, open_checkpoint
    from curate.trainer.train.parallel import pick_device

    checkpoint = open_checkpoint(options.checkpoint)
    model = load_model(checkpoint, pick_device(options.device))
    tokenizer = load_recorded(checkpoint.about["tokenizer"])
    data = options.data or checkpoint.about["settings"]["data"]["path"]
    data = data if Path(data).exists() else None
    shots = options.shots
    names = [name for name in options.tasks.split(",") if name]
    for name in names:
        if name != "wikitext2":
            find_task(name)
    wanted = [each.strip() for each in options.measures.split(",")]
    for each in wanted:
        if each not in MEASURES:
            raise ConfigError(f"--measures: no measure {each!r}; there are {', '.join(MEASURES)}")
    folder = options.folder or fetched_folder()
    for pair in options.texts:
        name, _, path = pair.partition("=")
        texts = draw_texts(read_texts(path), options.limit)
        _print_measure(bits_per_byte(model, tokenizer, name, texts, data))
    for name in names:
        if name == "wikitext2":
            measure, perplexity = wikitext_perplexity(model, tokenizer, folder, data)
            _print_measure(measure)
            RESULTS.print(f"{'':24}perplexity {perplexity:.2f} per word")
            continue
        measures = measure_task(
            model,
            tokenizer,
            name,
            folder,
            shots,
            limit=options.limit,
            data=data,
            style=options.style,
            wanted=wanted,
            groups=options.groups,
        )
        for measure in measures:
            _print_measure(measure)
    return 0


def _print_measure(measure: Measure) -> None:
    from curate.trainer.evaluate.task_scores import MEASURES

    line = f"{measure.name:24}{measure.mean:.4f} ± {measure.standard_error:.4f} {measure.unit}, {len(measure.values)} items"
    found = measure.found
    if found is not None and not found.searched:
        line += ", all too short to be looked for in the training data"
    elif found is not None and measure.unit in MEASURES:
        line += f", {found.share_of_texts:.1%} of the {found.searched} items of 13 tokens or more found in the training data"
    elif found is not None:
        line += f", {found.share_of_runs:.1%} of their runs of 13 tokens found in the training data"
    RESULTS.print(line)


def _finetune(options: argparse.Namespace) -> int:
    from curate.tokens import load_recorded
    from curate.trainer.evaluate.finetune import FineTuning, classify, finetune, measure, read_examples
    from curate.trainer.evaluate.rows import read_lines
    from curate.trainer.train.checkpoint import load_model, open_checkpoint
    from curate.trainer.train.parallel import pick_device

    checkpoint = open_checkpoint(options.checkpoint)
    model = load_model(checkpoint, pick_device(options.device))
    tokenizer = load_recorded(checkpoint.about["tokenizer"])
    examples, labels = read_examples(read_lines(options.train), tokenizer)
    tests, _ = read_examples(read_lines(options.test), tokenizer, labels)
    settings = FineTuning(learning_rate=options.learning_rate, epochs=options.epochs, seed=options.seed)
    classifier = finetune(model, examples, len(labels), settings)
    _print_measure(measure(classifier, tests))
    if options.out:
        Path(options.out).write_text("".join(f"{labels[label]}\n" for label in classify(classifier, tests)))
    return 0


def _export(options: argparse.Namespace) -> int:
    from curate.trainer.train.checkpoint import open_checkpoint
    from curate.trainer.train.export import export

    RESULTS.print(f"Written: {export(open_checkpoint(options.checkpoint), options.out)}")
    return 0


def _import(options: argparse.Namespace) -> int:
    from curate.trainer.train.import_model import import_model

    RESULTS.print(f"Written: {import_model(options.folder, options.out, options.tokenizer)}")
    return 0


def _merge(options: argparse.Namespace) -> int:
    from curate.trainer.train.checkpoint import open_checkpoint
    from curate.trainer.train.merge import merge

    if options.slerp is not None and not 0 <= options.slerp <= 1:
        raise ConfigError(f"--slerp: {options.slerp} is not between 0, the first model, and 1, the second")
    made = merge([open_checkpoint(path) for path in options.checkpoints], Path(options.out), options.slerp)
    RESULTS.print(f"Written: {made}")
    return 0
