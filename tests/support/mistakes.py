"""Mistakes that people make in a pipeline file or with `--set`, and a piece of what is said of each.

The tests of messages hold them; docs/messages.md shows each with the whole message.
"""

from __future__ import annotations

FILE = """name: x
sources:
  web:
    read: {format: warc, paths: [WEB/*.warc.gz]}
    steps:
      - extract: {}
      - language: {keep: [en], minimum: 0.65}
      - filter: gopher-quality
  ref:
    read: {format: jsonl, paths: [REF/*.jsonl.gz]}
combine:
  - deduplicate: {exact: true}
"""


STEPS = FILE[FILE.index("    steps:") : FILE.index("\n  ref:")]
"""A pipeline without a mistake: WEB and REF stand for folders of the sample."""

SET = [
    ("sources.wbe.read.limit=3", "no source 'wbe'; did you mean 'web'?"),
    ("limit=3", "did you mean 'sources.web.read.limit'?"),
    ("read.limit=3", "did you mean 'sources.web.read.limit'?"),
    ("web.read.limit=3", "did you mean 'sources.web.read.limit'?"),
    ("tokenizer=gpt2", "did you mean 'tokens.tokenizer'?"),
    ("gopher-quality.min_words=3", "write gopher-quality.min_words.min=3 or gopher-quality.min_words.max=3"),
    ("filters.gopher-quality.min_words=3", "write {min: 3}"),
    (
        "gopher-quality.min_wrds.min=3",
        "--set gopher-quality.min_wrds.min=3: filters.gopher-quality.min_wrds: gopher-quality has no rule 'min_wrds'; did you mean 'min_words'?",
    ),
    (
        "filters.gopher-qualty.min_words.min=3",
        "--set filters.gopher-qualty.min_words.min=3: filters.gopher-qualty: no filter step 'gopher-qualty'; did you mean 'gopher-quality'?",
    ),
    ("mixture.sources.wbe.weight=1", "no source 'wbe'; did you mean 'web'?"),
    (
        "language.keep=english",
        "--set language.keep=english: sources.web.steps[1].language.keep: the built-in model knows no language 'english'; did you mean 'en'?",
    ),
    ("language.keep=en,de", "a list is written [en, de]"),
    ("language.min=0.3", "did you mean 'minimum'?"),
    ("sources.web.steps.languag.minimum=0.3", "did you mean 'language'?"),
    ("deduplicate.scope=langauge", "no step makes a column 'langauge'; did you mean 'language'?"),
    ("deduplicate.minhash.jaccard=.8", "did you mean 'threshold'?"),
    ("deduplicate.minhash=5", "write {ngram: 5}"),
]
"""What is given to `--set`, and what is said of it."""

WRITTEN = [
    ("format: jsonl", "format: json", 10, "did you mean 'jsonl'?"),
    ("format: warc", "format: WARC", 4, "did you mean 'warc'?"),
    ("paths: [REF", "files: [REF", 10, "unknown key; did you mean 'paths'?"),
    (".gz]}\ncombine", ".gz], content: body}\ncombine", 10, "unknown key; did you mean 'text'?"),
    ("{exact: true}", "{exact: true, fuzzy: {ngram: 5}}", 12, "did you mean 'minhash'?"),
    (", paths: [REF/*.jsonl.gz]", "", 10, "give paths, or the name of a crawl"),
    ("/*.warc.gz", "", 4, "is a folder: name its files, for example "),
    ("- filter: gopher-quality", "- filter: [c4, gopher-quality]", 8, "one pack a step: write '- filter: NAME' for each"),
    ("- filter: gopher-quality", "- filter:", 8, "missing, as in `pack: gopher-quality`"),
    ("- filter: gopher-quality", "- filter: gopher_quality", 8, "did you mean 'gopher-quality'?"),
    ("- filter: gopher-quality", "- filter: url", 8, "it belongs in a step, '- url: {packs: [url]}'"),
    ("- filter: gopher-quality", "- deduplicate: {exact: true}", 8, "it stands under `combine`"),
    ("- filter: gopher-quality", "- datatrove: {block: C4Filter}", 8, "'datatrove.pipeline.filters.C4QualityFilter'?"),
    ("- language:", "- url: {packs: [gopher-quality]}\n      - language:", 7, "it belongs in a step, '- filter: gopher-quality'"),
    (STEPS, "    steps: {extract: {}}", 5, "steps are a list: begin each with '- ', as in '- extract: ...'"),
    ("- deduplicate: {exact: true}", "- filter: c4", 12, "it stands under `sources.NAME.steps`"),
    ("- deduplicate: {exact: true}", "- scrub: {regions: [XX]}", 12, "scrub: 'XX' is no region"),
    ("- deduplicate: {exact: true}", "- scrub: {types: [email]}", 12, "did you mean 'EMAIL'?"),
    ("- deduplicate: {exact: true}", "- decontaminate: {against: [nosuch.jsonl]}", 12, "there is no file "),
    ("name: x", "name: x\ntokens: gpt2", 2, "write {tokenizer: gpt2}"),
    ("name: x", "name: x\ntokens: {tokenizer: gpt-2}", 2, "did you mean 'gpt2'?"),
    ("name: x", "name: x\ntokens: {tokenizer: meta-llama/Llama-3-8B}", 2, "as in hf:meta-llama/Llama-3-8B@main"),
    ("name: x", "name: x\nmixture: {web: 0.8}", 2, "groups and their weights stand under `sources`"),
    ("name: x", "name: x\nmixture: {sources: {web: 0.8}}", 2, "write {weight: 0.8}"),
    ("name: x", "name: x\nshards: {validation: 1%}", 2, "1% is 0.01"),
    ("name: x", "name: x\nshards: {validation: 5}", 2, "5% is 0.05"),
]  # fmt: skip
"""What stands in the file, what is written in its place, the line of it, and what is said."""
