"""C4 as its reference code has it, and the variants by name. Golden: each line says what becomes of it, and why."""

from pathlib import Path

import pyarrow as pa
import pytest

from curate import filters

GOOD = "This line has enough words in it."

LINES = [
    # line, what c4 leaves of it, what c4-datatrove leaves of it
    (GOOD, GOOD, GOOD),
    (
        "   This line\thas enough words in it.  ",
        "This line\thas enough words in it.",
        "This line\thas enough words in it.",
    ),
    ("no terminal mark in this line", None, None),
    ("Trailing dots end this line here...", None, None),
    ("Is this a question with words?", "Is this a question with words?", "Is this a question with words?"),
    ('She said "it is so good"', 'She said "it is so good"', 'She said "it is so good"'),
    ("It is one of the dogs'", None, "It is one of the dogs'"),
    ("A typographic quote ends it here.”", None, None),
    ("Three words here.", None, "Three words here."),
    ("Two words.", None, None),
    ("Four words [12] [3].", None, "Four words  ."),
    ("A fact is cited here.[12]", "A fact is cited here.", "A fact is cited here."),
    ("A fact is cited here. [12]", None, None),
    ("[1] A fact is cited with digits.", "A fact is cited with digits.", "A fact is cited with digits."),
    ("[edit] and [citation needed] go away from here[].", "and  go away from here.", "and  go away from here."),
    ("[x] and [Edit] and [1a] stay where they are.",) * 3,
    ("Arabic digits [١٢] are digits to the expression too.",)
    + ("Arabic digits  are digits to the expression too.",) * 2,
    ("Please enable JavaScript to see this page.", None, None),
    ("Read our Terms of Use before you go on.", None, None),
    ("This site uses cooKies as many others do.", None, None),
    ("This site uses cookies as many others do.", None, None),
    ("x" * 1001 + " makes the line go away at once.", None, None),
    ("x" * 1000 + " is just short enough to stay.",) * 3,
    ("é" * 1000 + " counts characters and not bytes here.",) * 3,
]


@pytest.mark.parametrize(("line", "c4", "datatrove"), LINES)
def test_what_becomes_of_a_line(line: str, c4: str | None, datatrove: str | None) -> None:
    for name, expected in (("c4", c4), ("c4-datatrove", datatrove)):
        batch = filters.load(name).evaluate([line])
        assert batch.column("text").to_pylist() == [(expected or "").strip()]


def test_lines_end_wherever_python_ends_them() -> None:
    text = f"{GOOD}\r\n{GOOD}\x0b{GOOD}\u2028menu\x85{GOOD}"
    assert filters.load("c4").evaluate([text]).column("text").to_pylist() == ["\n".join([GOOD] * 4)]


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        (f"{GOOD}\n{GOOD}\n{GOOD}", []),
        (f"{GOOD}\n{GOOD}", ["min_sentences"]),
        (f"{GOOD}\n{GOOD}\n{GOOD}\nLorem Ipsum dolor sit amet here.", ["lorem_ipsum"]),
        (f"{GOOD}\n{GOOD}\n{GOOD}\nSome code stands {'{'} in this line.", ["curly_bracket"]),
        # Later conditions see only lines that survived the steps before them.
        (f"{GOOD}\n{GOOD}\n{GOOD}\nLorem ipsum without a mark", []),
        (f"{GOOD}\n{GOOD}\n{GOOD}\nThis javascript line holds a {'{'} in it.", []),
        (f"{GOOD}\n{GOOD}\n{GOOD}\nThe privacy policy holds a {'{'} in it.", ["curly_bracket"]),
        (f"{GOOD}\n{GOOD}\n{GOOD}\nA lorem ipsum javascript line goes away.", ["lorem_ipsum"]),
        ("One. Two two. Three and more words here.", []),
    ],
)
def test_why_a_page_is_dropped(text: str, failed: list[str]) -> None:
    assert filters.load("c4").evaluate([text]).column("failed").to_pylist() == [failed]


def test_five_sentences_for_datatrove_and_three_for_the_reference() -> None:
    four = "\n".join([GOOD] * 4)
    assert filters.load("c4").evaluate([four]).column("failed").to_pylist() == [[]]
    assert filters.load("c4-datatrove").evaluate([four]).column("failed").to_pylist() == [["min_sentences"]]


def test_a_bad_word_counts_between_characters_that_are_no_letters(tmp_path: Path) -> None:
    """As the reference's expression, which misses a word at the line's start or end."""
    (tmp_path / "bad.txt").write_text("darn\nsome thing\n")
    pack = filters.load("c4-badwords", base=tmp_path, lists={"bad_words": "bad.txt"})
    lines = {
        "It is a DARN good line.": 1,
        "Darn it is a good line.": 0,
        "It is a darning good line.": 0,
        "It is some thing we know.": 1,
        "He said, so it is a darn.": 1,
        "A darn without a mark": 0,
        'It is a good line, "darn"': 1,
        "It is édarné to an expression.": 1,
    }
    assert pack.evaluate(list(lines)).column("bad_word_lines").to_pylist() == list(lines.values())
    with pytest.raises(filters.PackError, match=r"give its file as lists\.bad_words"):
        filters.load("c4-badwords")
    with pytest.raises(filters.PackError, match="no list 'badwords'"):
        filters.load("c4-badwords", lists={"badwords": "x"})
    with pytest.raises(filters.PackError, match="cannot read"):
        filters.load("c4-badwords", lists={"bad_words": str(tmp_path / "none")})


def test_refinedweb_drops_and_cleans_lines() -> None:
    lines = {
        "A LINE IN CAPITAL LETTERS": "",
        "12 / 34 - 2024": "",
        "3 likes": "",
        "1.2K Comments": "",
        "3 likes of mine are here": "3 likes of mine are here",
        "Home": "",
        "Sign in to read on": "to read on",
        "The news of today. Read more...": "The news of today.",
        "You have 3 items in cart now": "You have 3  now",
        "This long line of more than ten words says items in cart and stays": None,
    }
    batch = filters.load("refinedweb-lines").evaluate(list(lines))
    assert batch.column("text").to_pylist() == [line if left is None else left for line, left in lines.items()]
    long = "word " * 99
    assert filters.load("refinedweb-lines").evaluate([f"{long}\nHome", f"{long}\n1 2 3 4 5 6"]).column(
        "failed"
    ).to_pylist() == [[], ["flagged_words"]]


def test_where_sources_disagree_on_the_same_lines() -> None:
    """Lines a, a, b: one of three is a duplicate to datatrove, two of three to Dolma."""
    texts = pa.array(["a\na\nb"])
    for name, metric, value in (
        ("gopher-repetition", "fraction_duplicate_lines", 1 / 3),
        ("gopher-repetition-datatrove", "fraction_duplicate_lines_datatrove", 1 / 3),
        ("gopher-repetition-dolma", "fraction_duplicate_lines_dolma", 2 / 3),
    ):
        assert filters.load(name).apply(texts).metrics[metric].to_pylist() == [pytest.approx(value)]


def test_where_sources_disagree_on_the_same_ngrams() -> None:
    """a b c d e f, twice: every word is covered; read greedily the first five of the second six repeat; of the eight
    5-grams four occur twice over."""
    texts = pa.array(["a b c d e f a b c d e f"])
    for name, metric, value in (
        ("gopher-repetition", "fraction_characters_duplicate_5grams", 12 / 12),
        ("gopher-repetition-datatrove", "fraction_characters_duplicate_5grams_datatrove", 5 / 23),
        ("gopher-repetition-dolma", "fraction_characters_duplicate_5grams_dolma", 20 / 40),
    ):
        assert filters.load(name).apply(texts).metrics[metric].to_pylist() == [pytest.approx(value)]


def test_fineweb_drops_below_the_bound_in_code_and_at_it_in_the_paper() -> None:
    """Three of twenty-five lines end a sentence: exactly 0.12."""
    text = "\n".join([f"A sentence of line {n} is as long as it needs to be." for n in range(3)])
    text += "".join(f"\nno sentence in line {n}, which is as long as it needs to be" for n in range(22))
    assert filters.load("fineweb").evaluate([text]).column("failed").to_pylist() == [[]]
    assert filters.load("fineweb-paper").evaluate([text]).column("failed").to_pylist() == [["terminal_lines"]]
