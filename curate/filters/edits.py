"""A pack's `edits`: YAML to the steps of a line program.

An edit is a mapping of one action and the name under which its effect is recorded:

    - {drop_lines: {words_below: 5}, as: few_words}
    - {count_lines: {containing: [lorem ipsum]}, as: lorem_ipsum}
    - {delete: citations, as: citations}
    - {delete: {anywhere: [items in cart]}, from_lines: {words_above: 10}, as: phrases}

Conditions under one action all have to hold. Knows the YAML form; what lines are is the line program's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from curate.errors import nearest
from curate.filters.errors import PackError
from curate.text import line_program as lines
from curate.text.multi_string_search import ANYWHERE, NOT_BESIDE_ASCII_LETTERS, NOT_BESIDE_WORD_CHARACTERS

_NUMBER_CONDITIONS = {
    "longest_word_above": lines.LONGEST_WORD_ABOVE,
    "words_below": lines.WORDS_BELOW,
    "words_above": lines.WORDS_ABOVE,
    "uppercase_above": lines.UPPERCASE_ABOVE,
}
_STRING_CONDITIONS = {
    "ends_in": (lines.ENDS_IN, ANYWHERE),
    "lacks_ending": (lines.LACKS_ENDING, ANYWHERE),
    "containing": (lines.CONTAINS, ANYWHERE),
    "containing_between_non_letters": (lines.CONTAINS, NOT_BESIDE_ASCII_LETTERS),
    "containing_words": (lines.CONTAINS, NOT_BESIDE_WORD_CHARACTERS),
    "counter_of": (lines.COUNTER_OF, ANYWHERE),
}
_FLAG_CONDITIONS = {"only_numeric": lines.ONLY_NUMERIC}
_CONDITIONS = (*_NUMBER_CONDITIONS, *_STRING_CONDITIONS, *_FLAG_CONDITIONS)
_DELETIONS = {"at_start": lines.DELETE_AT_START, "at_end": lines.DELETE_AT_END, "anywhere": lines.DELETE_ANYWHERE}
_ACTIONS = ("drop_lines", "count_lines", "delete")
_KEYS = (*_ACTIONS, "from_lines", "as")


@dataclass(frozen=True)
class Edit:
    """One edit: the name of its effect, its step, and the YAML it was read from, for showing."""

    name: str
    step: lines.LineStep
    about: str = field(default="", repr=False, compare=False)

    @property
    def changes_text(self) -> bool:
        """Whether the edit drops lines or deletes from them."""
        return self.step.action != lines.COUNT


@dataclass(frozen=True)
class WordLists:
    """The files that stand for lists a pack names but does not carry: {list: path}.

    `described`: nothing will be run, so a list that is not given may be told by its name instead.
    """

    paths: Mapping[str, str]
    described: bool = False

    def read(self, name: str, place: str) -> tuple[str, ...]:
        """The words of a list, one a line, blank lines left out. Raises PackError where the list is not given."""
        path = self.paths.get(name)
        if path is None and self.described:
            return (f"<{name}>",)
        if path is None:
            raise PackError(f"{place}: the list {name!r} is not bundled with the pack: give its file as lists.{name}")
        file = Path(path).expanduser()
        try:
            words = file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise PackError(f"lists.{name}: cannot read {file}: {error}") from None
        found = tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
        if not found:
            raise PackError(f"lists.{name}: {file} holds no word")
        return found


def _strings(value: object, lists: WordLists, place: str) -> tuple[str, ...]:
    if isinstance(value, Mapping) and set(value) == {"list"}:
        return lists.read(str(value["list"]), place)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise PackError(f"{place}: expected a list of strings or {{list: NAME}}, found {value!r}")
    return tuple(value)


def _conditions(fields: object, lists: WordLists, place: str) -> tuple[lines.LineCondition, ...]:
    if not isinstance(fields, Mapping) or not fields:
        raise PackError(f"{place}: expected a mapping of conditions ({', '.join(_CONDITIONS)}), found {fields!r}")
    found = []
    for key, value in fields.items():
        here = f"{place}.{key}"
        if key in _NUMBER_CONDITIONS:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise PackError(f"{here}: expected a number, found {value!r}")
            found.append(lines.LineCondition(_NUMBER_CONDITIONS[key], float(value)))
        elif key in _STRING_CONDITIONS:
            code, flanks = _STRING_CONDITIONS[key]
            found.append(lines.LineCondition(code, strings=_strings(value, lists, here), flanks=flanks))
        elif key in _FLAG_CONDITIONS:
            if value is not True:
                raise PackError(f"{here}: expected true, found {value!r}")
            found.append(lines.LineCondition(_FLAG_CONDITIONS[key]))
        else:
            raise PackError(f"{here}: unknown condition{nearest(str(key), _CONDITIONS)}")
    return tuple(found)


def _deletion(value: object, lists: WordLists, place: str) -> tuple[int, tuple[str, ...]]:
    if value == "citations":
        return lines.DELETE_CITATIONS, ()
    if not isinstance(value, Mapping) or len(value) != 1:
        raise PackError(f"{place}: expected citations or one of {', '.join(_DELETIONS)} with a list, found {value!r}")
    ((where, phrases),) = value.items()
    if where not in _DELETIONS:
        raise PackError(f"{place}.{where}: unknown place{nearest(str(where), _DELETIONS)}")
    return _DELETIONS[where], _strings(phrases, lists, f"{place}.{where}")


def _told(value: object) -> str:
    """YAML as one line that a person reads."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{str(key).replace('_', ' ')} {_told(inside)}" for key, inside in value.items() if key != "as"
        )
    if isinstance(value, list):
        return " | ".join(str(item) for item in value)
    return "" if value is True else str(value)


def read_edit(fields: object, lists: WordLists, place: str) -> Edit:
    """An edit from its YAML mapping. Raises PackError naming the key path."""
    if not isinstance(fields, Mapping):
        raise PackError(f"{place}: expected a mapping of an action and `as`, found {fields!r}")
    for key in fields:
        if key not in _KEYS:
            raise PackError(f"{place}.{key}: unknown key{nearest(str(key), _KEYS)}")
    actions = [action for action in _ACTIONS if action in fields]
    name = fields.get("as")
    if len(actions) != 1 or not isinstance(name, str) or not name.isidentifier():
        raise PackError(f"{place}: expected one of {', '.join(_ACTIONS)}, and `as` with a name, found {dict(fields)!r}")
    (action,) = actions
    here = f"{place}.{action}"
    if action != "delete":
        if "from_lines" in fields:
            raise PackError(f"{place}.from_lines: only a deletion takes it")
        code = lines.DROP if action == "drop_lines" else lines.COUNT
        return Edit(name, lines.LineStep(code, _conditions(fields[action], lists, here)), _told(fields))
    code, phrases = _deletion(fields["delete"], lists, here)
    conditions = _conditions(fields["from_lines"], lists, f"{place}.from_lines") if "from_lines" in fields else ()
    return Edit(name, lines.LineStep(code, conditions, phrases), _told(fields))
