"""What the targets of `fuzz.py` have in common, and how a good input is changed at random."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from liquid_pilot.interfaces import LiquidPilotError

ODD_NUMBERS: tuple[float, ...] = (
    *(math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 1.0, 0.5, 1e-30, 1e30, -1e30, 1e308, 5e-324),
    *(1e6, 1e9, 2.0**31, 2.0**32, 2.0**53, 2.0**63, 2.0**64),
)
"""Numbers at which code goes wrong."""
_ODD_INTEGERS = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1)
_ODD_TEXTS = (
    '',
    ' ',
    '\x00',
    '\x1b[2J',
    'ä',
    '\U0001f600',
    '../..',
    '%s%n',
    'nan',
    '1e999',
    'é' * 300,
)


class Target:
    """One way into the package."""

    documented: ClassVar[tuple[type[Exception], ...]] = (LiquidPilotError,)
    """The errors that its documentation names."""

    def __init__(self, folder: Path) -> None:
        """Prepare good inputs.

        Args:
            folder: an empty folder for files.
        """
        self.folder = folder

    def make(self, chance: random.Random) -> Any:
        """Return an input."""
        raise NotImplementedError

    def use(self, given: Any) -> None:
        """Give an input to the package; one of `documented` is raised for a bad one."""
        raise NotImplementedError


def mutate(chance: random.Random, data: bytes, low: int = 0, high: int | None = None) -> bytes:
    """Return data with one to eight changes.

    Args:
        chance: source of randomness.
        data: the bytes.
        low: first place that is changed.
        high: end of the places that are changed; None: that of the data.
    """
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5, 8))):
        end = min(len(made), len(made) if high is None else high)
        at = chance.randrange(low, end) if low < end else len(made)
        kind = chance.randrange(9)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            made[at : at + 1] = bytes([chance.choice((0, 1, 127, 128, 254, 255))])
        elif kind == 2:
            form = chance.choice(('<H', '>H', '<I', '>I', '<Q', '>Q'))
            bits = 8 * struct.calcsize(form)
            value = chance.choice(_ODD_INTEGERS) % 2**bits
            made[at : at + bits // 8] = struct.pack(form, value)
        elif kind == 3:
            form = chance.choice(('<f', '<d'))
            value = chance.choice(ODD_NUMBERS)
            made[at : at + struct.calcsize(form)] = _packed(form, value)
        elif kind == 4:
            del made[at : at + chance.choice((1, 2, 4, 8, 64))]
        elif kind == 5:
            made[at:at] = chance.randbytes(chance.choice((1, 2, 4, 64)))
        elif kind == 6:
            size = chance.choice((1, 4, 16, 64))
            made[at:at] = made[at : at + size] * chance.choice((1, 2, 30))
        elif kind == 7:
            size = chance.choice((4, 32, 512))
            made[at : at + size] = bytes(len(made[at : at + size]))
        elif chance.random() < 0.5:
            del made[at:]
    return bytes(made)


def _packed(form: str, value: float) -> bytes:
    try:
        return struct.pack(form, value)
    except OverflowError:
        return struct.pack(form, math.inf)


def odd_number(chance: random.Random, usual: float = 1.0) -> float:
    """Return a number that is often odd, and else near a usual one."""
    if chance.random() < 0.4:
        return chance.choice(ODD_NUMBERS)
    near = float(min(max(usual, -1e300), 1e300))
    return chance.gauss(near, abs(near) + 1e-3)


def odd_value(chance: random.Random, depth: int = 0) -> Any:
    """Return a value of YAML or JSON of any type."""
    kind = chance.randrange(8 if depth < 3 else 6)
    if kind == 0:
        return chance.choice((None, True, False))
    if kind == 1:
        return chance.choice((*_ODD_INTEGERS, -1, 10**30, 10**400))
    if kind <= 3:
        return chance.choice(ODD_NUMBERS)
    if kind <= 5:
        return odd_text(chance)
    if kind == 6:
        return [odd_value(chance, depth + 1) for _ in range(chance.choice((0, 1, 4, 30)))]
    return {odd_text(chance): odd_value(chance, depth + 1) for _ in range(chance.randrange(4))}


def odd_text(chance: random.Random) -> str:
    """Return a text that is odd, or a few letters."""
    if chance.random() < 0.6:
        return chance.choice(_ODD_TEXTS)
    return ''.join(chance.choices('abz019_.:/@+=-*&#"\'{}[]\n\t\\', k=chance.randrange(1, 12)))


def mutate_tree(chance: random.Random, tree: Any) -> Any:
    """Return a copy of a value of JSON with one to three changes, wherever they fall."""
    made = json.loads(json.dumps(tree))
    for _ in range(chance.choice((1, 1, 2, 3))):
        places = list(_places(made))
        holder, key = chance.choice(places)
        kind = chance.randrange(5)
        if kind == 0 and isinstance(holder, dict):
            holder[odd_text(chance)] = holder.pop(key)
        elif kind == 1:
            del holder[key]
        elif kind == 2 and isinstance(holder[key], int | float):
            holder[key] = odd_number(chance, holder[key])
        elif kind == 3:
            other, name = chance.choice(places)
            try:
                holder[key] = json.loads(json.dumps(other[name]))
            except (KeyError, IndexError):
                holder[key] = None
        else:
            holder[key] = odd_value(chance)
        if not made:
            break
    return made


def _places(tree: Any) -> Any:
    """Yield every container with each of its keys."""
    keys: Sequence[Any] = ()
    if isinstance(tree, dict):
        keys = list(tree)
    elif isinstance(tree, list):
        keys = range(len(tree))
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def mutate_text(chance: random.Random, text: str, words: Sequence[str]) -> str:
    """Return a text with lines, words or characters changed.

    Args:
        chance: source of randomness.
        text: the text.
        words: words that mean something in such a text.
    """
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(text) + 1)
        kind = chance.randrange(6)
        lines = text.split('\n')
        if kind == 0:
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
            text = '\n'.join(lines)
        elif kind == 1 and len(lines) > 1:
            del lines[chance.randrange(len(lines))]
            text = '\n'.join(lines)
        elif kind == 2:
            text = text[:at] + chance.choice(words) + text[at:]
        elif kind == 3:
            text = text[:at] + odd_text(chance) + text[at:]
        elif kind == 4:
            text = text[:at] + text[at + chance.choice((1, 2, 8)) :]
        else:
            text = text[:at] + str(odd_number(chance)) + text[at:]
    return text
