"""The targets of `fuzz.py` that take files and texts of people."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any, ClassVar

import fuzz_bags
import yaml
from fuzz_inputs import ODD_NUMBERS, Target, mutate, mutate_text, mutate_tree

from liquid_pilot import pilot_file
from liquid_pilot.learning.rosbag import topic_mapping
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.simulation.base import condition


class PilotFiles(Target):
    """Folders of pilots with damaged files, most of which have the hash that pilot.json names."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        source = pilot_file.resolve('forest-ltc')
        self._good = {
            file.name: file.read_bytes()
            for file in source.iterdir()
            if file.suffix in ('.json', '.onnx', '.safetensors')
        }
        self._content = json.loads(self._good['pilot.json'])
        self._number = 0

    def make(self, chance: random.Random) -> dict[str, bytes]:
        """Return the content of the files."""
        made = dict(self._good)
        content = self._content
        name = chance.choice(list(made))
        if name == 'pilot.json' and chance.random() < 0.8:
            content = mutate_tree(chance, content)
        elif name != 'pilot.json':
            data = made[name]
            # The structure is at the beginning (safetensors) or at both ends (ONNX).
            low, high = chance.choice(((0, 8), (0, 900), (0, 3000), (0, None)))
            if name == 'encoder.onnx' and chance.random() < 0.4:
                low, high = len(data) - 1500, None
            made[name] = mutate(chance, data, low, high)
        hashes = content.get('sha256') if isinstance(content, dict) else None
        if isinstance(hashes, dict) and chance.random() < 0.9:
            right = {
                key: hashlib.sha256(made[key]).hexdigest() if key in made else value
                for key, value in hashes.items()
            }
            content = {**content, 'sha256': right}
        text = json.dumps(content).encode()
        if name == 'pilot.json' and chance.random() < 0.2:
            text = mutate(chance, text)
        made['pilot.json'] = text
        if chance.random() < 0.02:
            del made[chance.choice(list(made))]
        return made

    def use(self, given: dict[str, bytes]) -> None:
        """Load the pilot, and let the engine start with it."""
        folder = self.folder / f'pilot{os.getpid()}'
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in given.items():
            (folder / name).write_bytes(data)
        engine = Engine(pilot_file.load(folder))
        engine.warm_up()


class Conditions(Target):
    """Names of conditions, as users type them."""

    _FAMILIES = tuple(condition.FAMILIES)
    _WORDS = (*_FAMILIES, ':', '@', '=', '+', 's', '1', '5', '1e5', '0.5', 'clear')

    def make(self, chance: random.Random) -> str:
        """Return a text that is nearly one of conditions."""
        count = chance.choice((1, 1, 2, 3, 40))
        parts = [
            f'{chance.choice(self._FAMILIES)}:{chance.randrange(7)}'
            + chance.choice(('', '', '@3s', '@1e3', f'@{chance.choice(ODD_NUMBERS)}s'))
            for _ in range(count)
        ]
        text = '+'.join(parts)
        return text if chance.random() < 0.2 else mutate_text(chance, text, self._WORDS)

    def use(self, given: str) -> None:
        """Read it, and its name again."""
        conditions = condition.parse(given)
        assert len(condition.parse(condition.label(conditions))) == len(conditions)


class Mappings(Target):
    """Mapping files of recordings."""

    _SECTIONS: ClassVar[dict[str, Any]] = {
        'vehicle': 'rover',
        'clock': 'log',
        'image': {'topic': '/a', 'type': 'compressed'},
        'imu': {'topic': '/b', 'rotation': [[1, 0, 0], [0, -1, 0], [0, 0, -1]], 'max_age_s': 0.2},
        'command': {'type': 'Twist', 'forward': '-linear.y', 'scale': [1.0, 1.0, 1.0, 0.5]},
        'camera': {'width': 64, 'height': 48, 'fx': 50.0, 'fy': 50.0, 'cx': 32.0, 'cy': 24.0},
        'episodes': {'split_by': 'topic', 'topic': '/m', 'max_gap_s': 1.0},
        'rate_hz': 10.0,
        'validation_share': 0.2,
    }
    _WORDS = (
        ': ',
        '- ',
        '&a ',
        '*a',
        '!!python/object:os.system ',
        '<<: ',
        '|',
        '"',
        '[',
        '{',
        '\t',
    )

    def make(self, chance: random.Random) -> str:
        """Return the text of a file with a few sections."""
        chosen = chance.sample(list(self._SECTIONS), chance.randrange(1, 4))
        tree = {name: self._SECTIONS[name] for name in chosen}
        if chance.random() < 0.6:
            tree = mutate_tree(chance, tree)
        text = json.dumps(tree) if chance.random() < 0.5 else yaml.safe_dump(tree)
        return text if chance.random() < 0.5 else mutate_text(chance, text, self._WORDS)

    def use(self, given: str) -> None:
        """Read the file."""
        file = self.folder / f'mapping{os.getpid()}.yaml'
        file.write_bytes(given.encode(errors='surrogatepass'))
        topic_mapping.load(file)


class Bags(Target):
    """Damaged bags of both storages, and the conversion of one to arrays."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._good = fuzz_bags.good_bags(folder)

    def make(self, chance: random.Random) -> tuple[str, dict[str, bytes]]:
        """Return the name of a bag and the content of its files."""
        name, files = chance.choice(self._good)
        made = dict(files)
        changed = chance.choice(list(made))
        made[changed] = mutate(chance, made[changed])
        return name, made

    def use(self, given: tuple[str, dict[str, bytes]]) -> None:
        """Read the bag as `liquid-pilot dataset` does."""
        fuzz_bags.read(self.folder / f'bag{os.getpid()}', *given, io.BytesIO())
