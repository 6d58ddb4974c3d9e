"""Texts on which encoders differ from one another, if they do. Knows no encoder."""

from __future__ import annotations

_BLOCKS = (
    *range(0x0000, 0x3400, 0x100), 0x4E00, 0xA600, 0xA800, 0xAC00, 0xD700, 0xE000, 0xF900, 0xFB00, 0xFE00, 0xFF00, 0x10000,
    0x10400, 0x10D00, 0x11100, 0x16F00, 0x1D400, 0x1E000, 0x1E900, 0x1F100, 0x1F300, 0x1F600, 0x20000, 0x30000, 0xE0000,
    0x10FF00,
)  # fmt: skip
_PLANES = [
    "".join(chr(code) for code in range(start, start + 0x100) if not 0xD800 <= code < 0xE000) for start in _BLOCKS
]
_SPACES = (
    " ", "  ", " \n", "\n \n  ", "\t", "\r\n", "\r", " \r\n\r\n ", "\u00a0", "\u2003\u2003a", "\u0085", "\u2028", "\u3000x",
    "a  b", "a   \n\n  b ", "  a", "x ", "x  ", "x \n", "x\n\n", "x \n \t ", "a\u200bb", "\ufeffa", "1 \n2", "!\n\n!  ",
)  # fmt: skip
_WORDS = (
    "",
    "a",
    "I'm you're WE'VE he'd she'LL it'\u017f don't 'tis '' 's'S 'T",
    "HTTPServer camelCase iPhone \u01c5eri a_b-c/d\\e.f:g;h,i?j!k",
    "1 12 123 1234 12345 \u0663\u0664\u0665\u0666 \u00bd\u00be \u216b 3.14e-10",
    "!?...---===/////\n",
    "e\u0301 \u00e9 \u1100\u1161\u11a8 \uac01 \u0958 \ufb01 \u212b",
    "\u0e01\u0e33\u0e19 \u0939\u093f\u0928\u094d\u0926\u0940",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f \U0001f44d\U0001f3fd",
    "\u4f60\u597d\u4e16\u754c\u3002\u65e5\u672c\u8a9e\u30c6\u30ad\u30b9\u30c8",
    "\x00\x01\x1b[0m\x7f",
    "<|endoftext|> <|im_start|>user </s><s> <unk><pad> [SEP][CLS] <0x0A> <eos>",
    "<|endoftext",
    "\u2581a\u2581 b\u2581\u2581c",
    "\u202eabc\u202c \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea",
    "\ufffd\ufffe\uffff\ufdd0",
)
_RUNS = tuple(unit * (3000 // len(unit)) for unit in ("a", " ", "\n", "0", "!", "ab", " a", "\u4f60", "\u00e9", "_-"))

ODD_TEXTS = (*_WORDS, *_SPACES, *_PLANES, *_RUNS)
"""Every script's block, white space of all kinds, names of special tokens, and long runs."""
