"""Secrets without a form of their own: what a word such as `api_key` or `Bearer` introduces and chance seems to have made.

Chance is judged by Shannon's entropy of the characters, as scanners of source code do (detect-secrets; gitleaks'
`generic-api-key` asks for 3.5 bits). Knows words and characters; knows no provider.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from math import log2

from curate.pii.spans import Looking, Match

_LEAST_ENTROPY = 3.5
"""Bits a character of a key or token: gitleaks' bound. Twelve different characters have at most 3.58."""
_LEAST_ENTROPY_PASSWORD = 2.75
"""Bits a character of a password: eight characters of which two pairs are equal have 2.5, all different 3."""
_LEAST_ENTROPY_AWS = 4.25
"""Bits a character of Amazon's forty: drawn from 64 they have 4.7 on average, hexadecimal ones 4 at most."""
_LEAST_KEY, _LEAST_PASSWORD = 16, 8  # characters: of the shortest key of `keys`, and what most sites ask for
_LONGEST = 256  # characters of a value

_KEY_WORDS = (
    rb"api[_\-. ]?key|apikey|api[_\-. ]?token|api[_\-. ]?secret|access[_\-. ]?key(?:[_\-. ]?id)?|"
    rb"access[_\-. ]?token|auth[_\-. ]?key|"
    rb"auth[_\-. ]?token|authtoken|client[_\-. ]?secret|"
    rb"consumer[_\-. ]?secret|secret[_\-. ]?access[_\-. ]?key|secret[_\-. ]?key|"
    rb"secret[_\-. ]?token|shared[_\-. ]?secret|signing[_\-. ]?(?:key|secret)|encryption[_\-. ]?key|private[_\-. ]?key|"
    rb"refresh[_\-. ]?token|bearer[_\-. ]?token|bot[_\-. ]?token|"
    rb"app[_\-. ]?secret|account[_\-. ]?key|secret|token|credentials?"
)
_PASSWORD_WORDS = (
    rb"password|passwd|passphrase|passwort|contrase\xc3\xb1a|mot de passe|senha|pwd|"
    rb"(?<![a-z])pass|(?-i:(?<=[a-z])Pass)"
)
_WORD_BEFORE = re.compile(rb"(?i)(?:(" + _PASSWORD_WORDS + rb")|(?:" + _KEY_WORDS + rb"))[\"'`\]]{0,2}[ \t]{0,2}$")
"""A word that says so at the end of a name: `aws_secret_access_key`, `"apiKey"`, `DB_PASSWORD`, `config['token']`."""
_WITHIN = 48  # bytes before a sign in which such a word is looked for
_SIGN = re.compile(rb"(?::=|=>|[:=])(?![:=/])[ \t]{0,2}([\"'`]?)")
_VALUE = re.compile(rb"[^\s\"'`<>,;(){}\[\]\\]{8,%d}" % _LONGEST)
_NOT_A_SECRET = re.compile(
    rb"(?i)(?:[$%]|your|my[_\-]|the[_\-]|example|sample|test|dummy|fake|changeme|change[_\-]me|placeholder|redacted|insert|"
    rb"enter|xxx|\*\*\*|\.\.\.|process\.env|os\.environ|env\.|null|none|undefined|true|false|https?:|www\.|/)"
)
"""How placeholders, variables, paths and addresses begin."""
_RUN = re.compile(rb"[A-Za-z0-9_\-.+/=~]{16,}")
_BEARER = re.compile(rb"(?i)(?<![A-Za-z])bearer[ \t]{1,2}[\"']?$")  # RFC 6750, 2.1
_AWS_VALUE = re.compile(rb"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_AWS = re.compile(rb"(?i)aws|amazon|secret|(?:AKIA|ASIA)[A-Z2-7]{16}")
_AWS_WITHIN = 80  # bytes before the value in which Amazon, or the identifier that goes with it, is named
_CHANGE = re.compile(rb"(?<=[0-9])[A-Za-z]|(?<=[a-z])[0-9A-Z]|(?<=[A-Z])[0-9]")
_FEWEST_CHANGES, _CHARACTERS_A_CHANGE = 2, 10
"""Between digits, small letters and capitals: what chance makes changes every other character, a slug with a year once."""
_DIGIT, _LETTER = re.compile(rb"[0-9]"), re.compile(rb"[A-Za-z]")


def find_assigned(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """Keys and passwords that a word of secrets is given by a colon, `=`, `:=` or `=>`."""
    for sign in _SIGN.finditer(document, start, min(end + 4, len(document))):
        word = _WORD_BEFORE.search(document[max(0, sign.start() - _WITHIN) : sign.start()])
        value = _VALUE.match(document, sign.end()) if word else None
        if word is None or value is None:
            continue
        written = value.group().rstrip(b".:!?")
        if _is_by_chance(written, password=word.group(1) is not None):
            yield Match(value.start(), value.start() + len(written), "PASSWORD" if word.group(1) else "API_KEY")


def find_tokens(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """What follows `Bearer`, and Amazon's secret keys of forty characters where they are said to be such."""
    for run in _RUN.finditer(document, start, end):
        if _BEARER.search(document[max(0, run.start() - _WITHIN) : run.start()]):
            written = run.group().rstrip(b".")
            if _is_by_chance(written, password=False):
                yield Match(run.start(), run.start() + len(written), "API_KEY")
                continue
        for value in _AWS_VALUE.finditer(document, run.start(), run.end()):
            before = document[max(0, value.start() - _AWS_WITHIN) : value.start()]
            if entropy(value.group()) >= _LEAST_ENTROPY_AWS and _AWS.search(before):
                yield Match(value.start(), value.end(), "API_KEY")


def _is_by_chance(value: bytes, password: bool) -> bool:
    """Whether a value looks drawn and not worded: letters and digits, many different ones, and no placeholder."""
    least = _LEAST_PASSWORD if password else _LEAST_KEY
    if len(value) < least or _NOT_A_SECRET.match(value) or not (_DIGIT.search(value) and _LETTER.search(value)):
        return False
    if password:
        return entropy(value) >= _LEAST_ENTROPY_PASSWORD
    changes = len(_CHANGE.findall(value))
    return entropy(value) >= _LEAST_ENTROPY and changes >= max(_FEWEST_CHANGES, len(value) // _CHARACTERS_A_CHANGE)


def entropy(value: bytes) -> float:
    """Shannon's entropy of a value's bytes, in bits a byte.

    >>> entropy(b"aabb"), entropy(b"")
    (1.0, 0.0)
    """
    return -sum(count / len(value) * log2(count / len(value)) for count in Counter(value).values()) + 0.0
