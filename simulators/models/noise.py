"""Noise that can be asked for at any moment: a pure function of a key and a whole number, or of a key and a time.

Everything in the models stands on it, so that a device sampled at any moment, in any order and after any restart gives
the same value.
"""

from hashlib import blake2b
from math import floor

MASK = (1 << 64) - 1


def key(*parts: str | int) -> int:
    """A 64-bit number that stands for these words, the same in each process (Python's own hash is not)."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def unit(noise_key: int, number: int) -> float:
    """An even number in [0, 1) for a key and a whole number. SplitMix64's finaliser (Steele et al. 2014)."""
    z = (noise_key + number * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) >> 11) * 2.0**-53


def signed(noise_key: int, number: int) -> float:
    """An even number in [-1, 1)."""
    return 2.0 * unit(noise_key, number) - 1.0


def between(noise_key: int, number: int, low: float, high: float) -> float:
    """An even number in [low, high)."""
    return low + (high - low) * unit(noise_key, number)


def smooth(noise_key: int, time_s: float, step_s: float) -> float:
    """Continuous noise in [-1, 1]: even numbers a `step_s` apart, eased between them (value noise)."""
    position = time_s / step_s
    cell = floor(position)
    x = position - cell
    before = unit(noise_key, cell)
    between_cells = before + (unit(noise_key, cell + 1) - before) * x * x * (3.0 - 2.0 * x)
    return 2.0 * between_cells - 1.0
