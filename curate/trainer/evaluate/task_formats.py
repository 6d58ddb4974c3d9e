"""How a row of each task's file becomes a question, and a question becomes texts whose likelihoods decide. Knows no model.

Rows are those of the published data sets (the columns of their Hugging Face repositories), or those of DCLM's evaluation
files: `query`, `choices`, `gold`. A question is written in one of two styles: OLMES's cloze form (Gu et al. 2024, and
allenai/OLMo-Eval), or lm-evaluation-harness's (EleutherAI), with which published numbers were made. They differ in words and
in what a likelihood is divided by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Row = Mapping[str, Any]
Style = Literal["olmes", "harness"]
Normalise = Literal["none", "characters", "unconditional"]

UNCONDITIONAL = "Answer:"
"""The prompt after which an answer's likelihood is its own, whatever the question (Brown et al. 2020, section 2.4)."""


@dataclass(frozen=True)
class Item:
    """One question: prompts and what may follow them, and which of these is right."""

    prompts: tuple[str, ...]
    continuations: tuple[str, ...]
    gold: int
    group: str = ""
    """A subject or paradigm, where the task is the mean over those."""

    @property
    def text(self) -> str:
        """The right answer in its place: an example for few-shot prompts, and what a training set must not hold."""
        return self.prompts[self.gold] + self.continuations[self.gold]


@dataclass(frozen=True)
class Question:
    """What a row asks."""

    text: str
    choices: tuple[str, ...]
    gold: int
    about: str = ""
    """A passage, an activity, a situation or a subject that the text is about."""


def asked(row: Row) -> Question:
    """A question with choices: ARC, OpenBookQA, CommonsenseQA, MMLU, or DCLM's columns."""
    if "query" in row:
        text = row["query"].strip().removeprefix("Question: ")
        return Question(text, tuple(row["choices"]), int(row["gold"]))
    text = str(row.get("question", row.get("question_stem"))).strip()
    choices = row["choices"]
    if isinstance(choices, Mapping):
        return Question(text, tuple(choices["text"]), list(choices["label"]).index(row["answerKey"]))
    return Question(text, tuple(choices), int(row["answer"]), str(row.get("subject", "")))


def _goal(row: Row) -> Question:
    return (
        asked(row) if "query" in row else Question(row["goal"].strip(), (row["sol1"], row["sol2"]), int(row["label"]))
    )


def _passage(row: Row) -> Question:
    if "query" in row:
        passage, _, question = row["query"].removeprefix("Passage: ").rpartition("\nQuestion: ")
        return Question(question.strip().removesuffix("?"), tuple(row["choices"]), int(row["gold"]), passage)
    right = row.get("answer", row.get("label"))
    return Question(row["question"].strip().removesuffix("?"), ("no", "yes"), int(right), row["passage"])


def _premise(row: Row) -> Question:
    """The premise without its last mark, and `because` or `therefore`."""
    if "query" in row:
        premise, _, word = row["query"].strip().rpartition(" ")
        return Question(f"{premise.removesuffix(',')} {word}", tuple(row["choices"]), int(row["gold"]))
    word = "because" if row["question"] == "cause" else "therefore"
    choices = tuple(text[:1].lower() + text[1:] for text in (row["choice1"], row["choice2"]))
    return Question(f"{row['premise'].strip()[:-1]} {word}", choices, int(row["label"]))


def _activity(row: Row) -> Question:
    context = f"{row['ctx_a']} {row['ctx_b'].capitalize()}" if "ctx_a" in row else row["ctx"]
    return Question(context, tuple(row["endings"]), int(row["label"]), row["activity_label"])


def _situation(row: Row) -> Question:
    choices = (row["answerA"], row["answerB"], row["answerC"])
    return Question(row["question"], choices, int(row["label"]) - 1, row["context"])


def _plain(read: Callable[[Row], Question], harness: bool, olmes: bool = True) -> Callable[[Row, Style], Item]:
    """`Question: ...\\nAnswer:`, or the bare text, by style."""

    def item(row: Row, style: Style) -> Item:
        question = read(row)
        framed = olmes if style == "olmes" else harness
        return _item(f"Question: {question.text}\nAnswer:" if framed else question.text, question)

    return item


def _item(prompt: str, question: Question) -> Item:
    count = len(question.choices)
    return Item((prompt,) * count, tuple(f" {each}" for each in question.choices), question.gold)


def _lettered(prompt: str, question: Question, group: str = "") -> Item:
    """Choices named by letters, of which one is the answer."""
    letters = [chr(ord("A") + number) for number in range(len(question.choices))]
    listed = "".join(f"\n{letter}. {each}" for letter, each in zip(letters, question.choices, strict=True))
    prompts = (f"{prompt}{listed}\nAnswer:",) * len(letters)
    return Item(prompts, tuple(f" {letter}" for letter in letters), question.gold, group)


def _piqa(row: Row, style: Style) -> Item:
    question = _goal(row)
    return _item(f"{'Goal' if style == 'olmes' else 'Question'}: {question.text}\nAnswer:", question)


def _boolq(row: Row, style: Style) -> Item:
    question = _passage(row)
    return _item(f"{question.about}\nQuestion: {question.text}?\nAnswer:", question)


def _copa(row: Row, style: Style) -> Item:
    """The harness writes two spaces before a choice; OLMo's own evaluation one."""
    question = _premise(row)
    item = _item(question.text, question)
    return item if style == "olmes" else Item(item.prompts, tuple(f" {each}" for each in item.continuations), item.gold)


def _winogrande(row: Row, style: Style) -> Item:
    """Partial evaluation (Trinh and Le 2018): the same ending after each referent."""
    if "context_options" in row:
        options, ending, gold = row["context_options"], row["continuation"], int(row["gold"])
    else:
        before, _, ending = row["sentence"].partition("_")
        options, gold = (before + row["option1"], before + row["option2"]), int(row["answer"]) - 1
    prompts = tuple(option.rstrip() for option in options)
    return Item(prompts, (f" {ending.strip()}",) * len(prompts), gold)


def _hellaswag(row: Row, style: Style) -> Item:
    question = _activity(row)
    clean = [_cleaned(text, style) for text in (f"{question.about}: {question.text}", *question.choices)]
    return Item((clean[0],) * (len(clean) - 1), tuple(f" {each}" for each in clean[1:]), question.gold)


def _cleaned(text: str, style: Style) -> str:
    """WikiHow's marks taken out as either project does: OLMES leaves no double stop."""
    text = text.strip()
    text = re.sub(r"\.? \[title\]", ". ", text) if style == "olmes" else text.replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def _csqa(row: Row, style: Style) -> Item:
    question = asked(row)
    prompt = f"Question: {question.text}"
    return _item(f"{prompt}\nAnswer:", question) if style == "olmes" else _lettered(prompt, question)


def _social_iqa(row: Row, style: Style) -> Item:
    question = _situation(row)
    head, tail = ("Question", "Answer") if style == "olmes" else ("Q", "A")
    return _item(f"{head}: {question.about} {question.text}\n{tail}:", question)


def _mmlu(row: Row, style: Style) -> Item:
    question = asked(row)
    subject = question.about.replace("_", " ")
    before = f"The following are multiple choice questions (with answers) about {subject}.\n\n"
    if style == "harness":
        return _lettered(before + question.text, question, question.about)
    made = _item(f"{before}Question: {question.text}\nAnswer:", question)
    return Item(made.prompts, made.continuations, made.gold, question.about)


def _lambada(row: Row, style: Style) -> Item:
    if "text" in row:
        before, _, word = row["text"].strip().rpartition(" ")
        return Item((before,), (f" {word}",), 0)
    return Item((row["context"].rstrip(),), (f" {row['continuation'].strip()}",), 0)


def _blimp(row: Row, style: Style) -> Item:
    return Item(("", ""), (f" {row['sentence_good']}", f" {row['sentence_bad']}"), 0, str(row.get("UID", "")))


def _gsm8k(row: Row, style: Style) -> Item:
    """The worked solution in plain words, as OLMo's evaluation writes it."""
    solution, _, number = row["answer"].rpartition("####")
    words = re.sub(r"<<.*?>>", "", solution).replace("\n", " ").strip()
    return Item((f"Question: {row['question']}\nAnswer:",), (f" {words} So the answer is {number.strip()}.",), 0)


def _humaneval(row: Row, style: Style) -> Item:
    prompt = f"{row['prompt']}Here is the completed function:\n\n```python\n"
    return Item((prompt,), (row["canonical_solution"],), 0)


def _next_words(row: Row, style: Style) -> Item:
    return _item(row["query"], Question(row["query"], tuple(row["choices"]), int(row["gold"])))


@dataclass(frozen=True)
class Task:
    """A task. `choice`: the most likely continuation must be the right one. `exact`: greedy decoding must give it.
    `gold`: only the likelihood of the right answer is measured.
    """

    name: str
    item: Callable[[Row, Style], Item]
    kind: Literal["choice", "exact", "gold"] = "choice"
    olmes: Normalise = "characters"
    """What OLMES divides a likelihood by, or subtracts from it, before choices are compared."""
    harness: Normalise = "characters"
    shots: bool = True
    macro: bool = False
    """The task is the mean over its groups, whatever their sizes."""
    own: bool = False
    """Made from texts by `own_tasks.py`: no file of it has to be got."""
    chance: float | None = None
    """Accuracy of guessing, where every item has as many choices."""

    def normalise(self, style: Style) -> Normalise:
        """How likelihoods are compared in a style."""
        return self.olmes if style == "olmes" else self.harness


def _tasks() -> Sequence[Task]:
    arc = _plain(asked, harness=True)
    return (
        Task("lambada", _lambada, "exact"),
        Task("arc-easy", arc),
        Task("arc-challenge", arc, olmes="unconditional"),
        Task("piqa", _piqa, chance=1 / 2),
        Task("openbookqa", _plain(asked, harness=False), olmes="unconditional", chance=1 / 4),
        Task("copa", _copa, olmes="none", harness="none", chance=1 / 2),
        Task("winogrande", _winogrande, olmes="none", harness="none", chance=1 / 2),
        Task("boolq", _boolq, olmes="none", harness="none", chance=1 / 2),
        Task("hellaswag", _hellaswag, chance=1 / 4),
        Task("commonsenseqa", _csqa, olmes="unconditional", harness="none", chance=1 / 5),
        Task("social-iqa", _social_iqa, harness="none", chance=1 / 3),
        Task("mmlu", _mmlu, harness="none", macro=True, chance=1 / 4),
        Task("blimp", _blimp, olmes="none", harness="none", shots=False, macro=True, chance=1 / 2),
        Task("gsm8k", _gsm8k, "gold"),
        Task("humaneval", _humaneval, "gold", shots=False),
        Task("next-words", _next_words, shots=False, own=True, chance=1 / 4),
        Task("last-word", _lambada, "exact", shots=False, own=True),
    )


TASKS: dict[str, Task] = {task.name: task for task in _tasks()}
