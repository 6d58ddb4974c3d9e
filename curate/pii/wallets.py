"""Addresses and keys of crypto wallets, by their checksums. Knows encodings only."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from curate.pii.keccak import keccak256
from curate.pii.spans import Looking, Match

_WORD = re.compile(rb"(?<![A-Za-z0-9])(?:0x[0-9A-Fa-f]{40}|[A-Za-z0-9]{25,112})(?![A-Za-z0-9])")
_BITCOIN = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"  # XRP Ledger, base58 encodings
_CHECKSUM = 4  # bytes, of the double SHA-256
_ADDRESS = 21  # bytes: a version and a 160-bit hash
_VERSIONS = frozenset((0, 5, 30, 22, 48, 50, 65, 76, 16))  # Bitcoin, Dogecoin, Litecoin, Tron, Dash
_PRIVATE = frozenset((128, 176, 158))  # of wallet import format: Bitcoin, Litecoin, Dogecoin
_EXTENDED = 78  # bytes of an extended key (BIP 32)

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"  # BIP 173
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_RESIDUES = frozenset((1, 0x2BC830A3))  # Bech32, Bech32m (BIP 350)
_BECH32_PREFIXES = ("bc", "ltc", "addr", "cosmos")


def find_wallets(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """Words of a wallet's form whose checksum is right."""
    for match in _WORD.finditer(document, start, end):
        if is_wallet(match.group().decode()):
            yield Match(match.start(), match.end(), "CRYPTO")


def is_wallet(word: str) -> bool:
    """Whether a word is an address or a private key of a wallet."""
    if word.startswith("0x"):
        return len(word) == 42 and _ethereum(word[2:])
    if word.lower().startswith(tuple(f"{prefix}1" for prefix in _BECH32_PREFIXES)) and word in (
        word.lower(),
        word.upper(),
    ):
        return bech32_checks(word.lower())
    if word[0] == "r":
        payload = base58check(word, _RIPPLE)
        return payload is not None and len(payload) == _ADDRESS and payload[0] == 0
    payload = base58check(word, _BITCOIN) if len(word) <= 35 or word[0] in "5KLxyzQ6T" else None
    if payload is None:
        return False
    if len(payload) == _ADDRESS:
        return payload[0] in _VERSIONS
    return len(payload) == _EXTENDED or (len(payload) in (33, 34) and payload[0] in _PRIVATE)


def base58check(word: str, alphabet: str) -> bytes | None:
    """What a word encodes, without its checksum; None where a character or the checksum is wrong."""
    number = 0
    for character in word:
        digit = alphabet.find(character)
        if digit < 0:
            return None
        number = number * 58 + digit
    zeros = len(word) - len(word.lstrip(alphabet[0]))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
    digest = hashlib.sha256(hashlib.sha256(payload).digest()).digest()
    return payload if payload and digest[:_CHECKSUM] == checksum else None


def bech32_checks(word: str) -> bool:
    """Whether a lower-case Bech32 or Bech32m word's checksum is right (BIP 173, BIP 350)."""
    prefix, _, data = word.rpartition("1")
    values = [_BECH32.find(character) for character in data]
    if not prefix or len(values) < 6 or -1 in values:
        return False
    residue = 1
    for value in [*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix), *values]:
        top = residue >> 25
        residue = (residue & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            residue ^= generator if top >> bit & 1 else 0
    return residue in _RESIDUES


def _ethereum(digits: str) -> bool:
    """Forty hexadecimal digits of one case, or in the case that their hash asks for (EIP-55)."""
    if digits in (digits.lower(), digits.upper()):
        return len(set(digits.lower())) > 4  # 0x000...0 and 0xffff... are constants of programs
    digest = keccak256(digits.lower().encode()).hex()
    return all(c == (c.upper() if int(h, 16) >= 8 else c.lower()) for c, h in zip(digits, digest, strict=False))
