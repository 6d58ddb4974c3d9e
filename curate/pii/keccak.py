"""Keccak-256 as Ethereum uses it: SHA-3's function with the padding of before the standard, which hashlib does not have."""

from __future__ import annotations

_RATE = 136  # bytes taken in at once: 200 less twice the 32 of the digest
_MASK = (1 << 64) - 1


def _rounds() -> list[int]:
    """The 24 round constants (FIPS 202, algorithms 5 and 6)."""
    state, constants = 1, []
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (state & 1) << ((1 << power) - 1)
            state = state << 1 ^ (0x171 if state & 0x80 else 0)
        constants.append(constant)
    return constants


_CONSTANTS = _rounds()


def _rotated(lane: int, bits: int) -> int:
    bits %= 64
    return (lane << bits | lane >> (64 - bits)) & _MASK


def _permuted(lanes: list[list[int]]) -> list[list[int]]:
    """Keccak-f[1600] (FIPS 202, section 3.2); lanes[x][y]."""
    for constant in _CONSTANTS:
        parity = [lane[0] ^ lane[1] ^ lane[2] ^ lane[3] ^ lane[4] for lane in lanes]
        mixed = [parity[x - 1] ^ _rotated(parity[(x + 1) % 5], 1) for x in range(5)]
        lanes = [[lane ^ mixed[x] for lane in lanes[x]] for x in range(5)]
        x, y, current = 1, 0, lanes[1][0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, lanes[x][y] = lanes[x][y], _rotated(current, (step + 1) * (step + 2) // 2)
        lanes = [[lanes[x][y] ^ (~lanes[(x + 1) % 5][y] & lanes[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
        lanes[0][0] ^= constant
    return lanes


def keccak256(message: bytes) -> bytes:
    """The 32-byte digest."""
    padded = bytearray(message + bytes(_RATE - len(message) % _RATE))
    padded[len(message)] ^= 0x01
    padded[-1] ^= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), _RATE):
        for index in range(_RATE // 8):
            x, y = index % 5, index // 5
            lanes[x][y] ^= int.from_bytes(padded[start + 8 * index : start + 8 * index + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lanes[index % 5][index // 5].to_bytes(8, "little") for index in range(4))
