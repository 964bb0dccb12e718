"""Recorded courses with holds: what a core reads in each tick, and who has the vehicle.

The expert flies. Pictures are encoded at once: all pilots of this study share one encoder, which
the cores study trained, so that constants can be tuned on a few megabytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liquid_pilot.interfaces import Observation
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.learning.data.expert_rollouts import CollectionSettings, ExpertCollector
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.action_noise import UndecidedSteering
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.tasks.registry import action_noise_of
from liquid_pilot.utils.processes.process_pool import spawned_pool
from studies.adaptation.grid import WINDOW
from studies.common import Display

TURN = 3
"""Number of the output that turns the vehicle."""


@dataclass(frozen=True)
class Recording:
    """One episode of T ticks, flown by the expert."""

    condition: str
    """The conditions as text."""
    features: np.ndarray
    """(T, F) features."""
    imu: np.ndarray
    """(T, 6) IMU."""
    dt_s: np.ndarray
    """(T,) elapsed times, s."""
    authority: np.ndarray
    """(T,) whether the commands of a pilot would fly the vehicle."""
    decision: int
    """Tick of the decision; -1: nothing is decided, or the gyroscope would show the side."""
    turn: float
    """The expert's turn at the decision."""

    @property
    def course(self) -> str:
        """The family of the memory course."""
        return parse(self.condition)[0].family

    def save(self, path: Path) -> None:
        """Write the recording to an npz file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file that a stopped study left behind is not taken for a whole one.
        part = path.with_name(f'.{path.name}')
        np.savez(part, **vars(self))
        part.rename(path)

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read the recording of a file."""
        with np.load(path) as arrays:
            parts = {name: arrays[name] for name in arrays.files}
        for name in ('condition', 'decision', 'turn'):
            parts[name] = parts[name].item()
        return cls(**parts)


class HoldCollector(ExpertCollector):
    """The expert's flights, with who has the vehicle at each frame."""

    def __init__(self, settings: CollectionSettings) -> None:
        super().__init__(settings)
        self.authority: list[bool] = []
        """Whether a pilot would have had the vehicle, for each frame of the last flight."""
        self.deciding: list[bool] = []
        """Whether the decision point had been reached, for each frame of the last flight."""

    def fly(self, seed: int) -> Episode:
        """Fly one episode; see `ExpertCollector.fly`."""
        self.authority, self.deciding = [], []
        return super().fly(seed)

    def _image(self, observation: Observation) -> np.ndarray:
        # This is called once for each frame, before the simulation goes on.
        self.authority.append(self._simulation.pilot_has_authority)
        self.deciding.append(self._simulation.at_decision_point)
        return super()._image(observation)


def record(
    pilot: PilotFile, seed: int, conditions: tuple[str, ...], disturbance: float
) -> Recording:
    """Fly one episode and encode it.

    Args:
        pilot: a pilot with the encoder.
        seed: seed of the episode.
        conditions: conditions, in turn by the seed.
        disturbance: level of the noise on the expert's commands.
    """
    noise = action_noise_of('quadrotor', disturbance)
    collector = HoldCollector(CollectionSettings(disturbance=noise, conditions=conditions))
    episode = collector.fly(seed)
    camera, features = pilot.specification.camera, pilot.specification.features
    encode = Encoder(pilot.encoder, camera.height, camera.width, features)
    images = episode.images.transpose(0, 3, 1, 2)
    decision, turn = -1, 0.0
    if True in collector.deciding and UndecidedSteering(random_stream(seed, 'waver')).duration_s:
        at = collector.deciding.index(True)
        if at + WINDOW.stop < len(episode.dt_s):
            decision, turn = at, float(episode.commands[at:, TURN][WINDOW].mean())
    return Recording(
        conditions[seed % len(conditions)],
        np.stack([encode(image[None].astype(np.float32) / np.float32(255)) for image in images]),
        episode.imu,
        episode.dt_s,
        np.array(collector.authority),
        decision,
        turn,
    )


def record_all(
    pilot: PilotFile,
    seeds: Sequence[int],
    conditions: tuple[str, ...],
    disturbance: float,
    folder: Path,
    workers: int,
    display: Display,
) -> list[Recording]:
    """Return the recordings of these seeds; those that are missing in a folder are flown first.

    Args:
        pilot: a pilot with the encoder.
        seeds: seeds of the episodes.
        conditions: conditions, in turn by the seed.
        disturbance: level of the noise on the expert's commands.
        folder: the folder of the recordings.
        workers: number of processes.
        display: the display of the progress.
    """
    paths = {seed: folder / f'{seed}.npz' for seed in seeds}
    jobs = {seed: path for seed, path in paths.items() if not path.is_file()}
    done = len(paths) - len(jobs)
    with spawned_pool(max(1, min(workers, len(jobs))), ignore_ctrl_c=True) as pool:
        futures = {seed: pool.submit(record, pilot, seed, conditions, disturbance) for seed in jobs}
        for seed, future in futures.items():
            future.result().save(jobs[seed])
            done += 1
            display.announce('recordings', done, len(paths), 0.0)
    return [Recording.load(path) for path in paths.values()]
