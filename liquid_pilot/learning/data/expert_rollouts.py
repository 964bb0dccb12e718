"""Demonstrations: the commands of the expert at every frame of flights that deviate from its own.

The expert labels every frame. The flight is steered by the expert with noise added to its commands
(DART, Laskey et al. 2017), so that the pilot learns to recover, or by a pilot (DAgger, Ross et al.
2011), so that it learns from the states that it gets into itself. Each episode is one `.npz` file;
nothing is pickled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    AttitudeThrust,
    CameraGeometry,
    Command,
    Observation,
    SensorPacket,
)
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.data.episode import Episode, episode_file_name
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.onboard.perception.imu import mean_imu
from liquid_pilot.simulation.base.action_noise import (
    ActionNoise,
    ActionNoiseSettings,
    UndecidedSteering,
)
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.drift_correction import DriftCorrection
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import RouteProgress
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.processes.process_pool import spawned_pool

_MIXING_PERIOD_TICKS = 20
"""Period in ticks at which DAgger draws whether expert or pilot steers: one second."""


@dataclass(frozen=True)
class CollectionSettings:
    """The settings of a folder of demonstrations, which its `dataset.json` records."""

    image_width: int = 128
    """Columns of the stored images."""
    image_height: int = 72
    """Rows of the stored images."""
    disturbance: ActionNoiseSettings = field(default_factory=ActionNoiseSettings)
    """Action noise, under the name that `dataset.json` gives it."""
    pilot: str | None = None
    """Path of the pilot that steers (DAgger); None lets the expert steer, with action noise."""
    mixing: float = 0.0
    """DAgger: probability that the expert steers for the next second of an episode."""
    conditions: tuple[str, ...] = ()
    """Conditions to fly in, as `simulation.base.condition` reads them; each flight takes the next
    one."""
    vehicle: str = 'quadrotor'
    """Class of the vehicle."""
    correct_drift: bool = False
    """Whether the expert corrects its drift, as in wind; of a quadrotor only."""


def stored_camera(settings: CollectionSettings) -> CameraGeometry:
    """Return the geometry of the stored images: the simulator's view in the encoder's size."""
    return CameraGeometry.from_vertical_fov(
        settings.image_width, settings.image_height, SimulationSettings().camera_vertical_fov_rad
    )


class ExpertCollector:
    """Flies episodes one after another in one process.

    Args:
        settings: vehicle, image size, action noise, pilot and conditions.
    """

    def __init__(self, settings: CollectionSettings) -> None:
        self.settings = settings
        self._simulation = Simulation(SimulationSettings(vehicle=settings.vehicle))
        self._preprocess = Preprocessor(stored_camera(settings), self._simulation.camera)
        self._pilot = None
        if settings.pilot:
            # Only DAgger needs an engine: plain demonstrations start without loading one.
            from liquid_pilot.pilot_file import load
            from liquid_pilot.simulation.rollout import InProcessPilot

            self._pilot = InProcessPilot(load(settings.pilot), self._simulation)

    def fly(self, seed: int) -> Episode:
        """Fly one episode, which ends as a mission does.

        Args:
            seed: seed of the forest or road, and of the noise.
        """
        simulation, s = self._simulation, self.settings
        rng = random_stream(seed, 'injector')
        period_s = simulation.control_period_ns / NANOSECONDS_PER_SECOND
        add_noise = ActionNoise(s.disturbance, rng, period_s)
        conditions = parse(s.conditions[seed % len(s.conditions)]) if s.conditions else ()
        packet = simulation.reset(seed, conditions=conditions)
        if self._pilot is not None:
            self._pilot.reset()
        expert = simulation.task.expert(simulation.layout)
        mission = Mission(seed, simulation.layout, simulation.task.rules)
        undecided = UndecidedSteering(random_stream(seed, 'waver'))
        correction = DriftCorrection(period_s) if s.correct_drift else None
        rows: list[tuple[np.ndarray, np.ndarray, float, tuple[float, ...], tuple[float, ...]]] = []
        last_ns, expert_steers = packet.stamp_ns - simulation.control_period_ns, True
        last_setpoint: Command | None = None
        tick, outcome = 0, mission.update(packet)
        while outcome is None:
            label = expert.command(packet.state)
            if correction is not None:
                label = correction(label, packet.state)
            observation = packet.observation
            if observation is not None:
                rows.append(
                    (
                        self._image(observation),
                        mean_imu(observation.imu),
                        (observation.stamp_ns - last_ns) / NANOSECONDS_PER_SECOND,
                        label.values,
                        _bearing(packet, simulation.route_progress),
                    )
                )
                last_ns = observation.stamp_ns
            command: Command | None = label
            if self._pilot is not None:
                # Without a frame the pilot has no command: the vehicle keeps its last one.
                pilot_command = self._pilot.setpoint(packet)
                if tick % _MIXING_PERIOD_TICKS == 0:
                    expert_steers = rng.random() < s.mixing
                # The default adapter of a pilot gives velocity commands.
                assert not isinstance(pilot_command, AttitudeThrust)
                command = label if expert_steers else pilot_command
            setpoint = None if command is None else add_noise(command)
            if setpoint is not None:
                setpoint = undecided(setpoint, simulation.at_decision_point, period_s)
                last_setpoint = setpoint
            if correction is not None:
                flown = simulation.route_progress.handover_command(
                    simulation.flight_time_s, packet.stamp_ns
                )
                flown = flown or last_setpoint
                if flown is not None:
                    correction.observe(flown, packet.state)
            packet = simulation.advance(setpoint)
            tick, outcome = tick + 1, mission.update(packet)
        images, imu, dt_s, commands, bearing = zip(*rows, strict=True)
        return Episode(
            seed,
            outcome,
            np.stack(images),
            np.array(imu, np.float32),
            np.array(dt_s, np.float32),
            np.array(commands, np.float32),
            np.array(bearing, np.float32),
        )

    def _image(self, observation: Observation) -> np.ndarray:
        """Return the encoder's input in flight, before scaling: (H, W, 3) uint8."""
        planes = self._preprocess(observation.image)[0]
        return np.rint(planes.transpose(1, 2, 0) * 255.0).astype(np.uint8)


def _bearing(packet: SensorPacket, progress: RouteProgress) -> tuple[float, float]:
    """Return cosine and sine of the direction to the target, to the left of the nose."""
    angle = progress.bearing_rad(packet.state)
    return math.cos(angle), math.sin(angle)


_collectors: list[ExpertCollector] = []


def _start_worker(settings: CollectionSettings) -> None:
    _collectors.append(ExpertCollector(settings))


def _collect_episode(job: tuple[int, Path]) -> tuple[str, int]:
    seed, path = job
    episode = _collectors[0].fly(seed)
    episode.save(path)
    return episode.outcome, len(episode.dt_s)


def check_folder(directory: Path, settings: CollectionSettings) -> None:
    """Refuse a folder that holds demonstrations of other settings."""
    dataset_index.check_index(directory, *_index_values(settings))


def _index_values(
    settings: CollectionSettings,
) -> tuple[CameraGeometry, float, str, dict[str, Any]]:
    """Return camera, rate, vehicle and settings as `dataset.json` records them."""
    made_with = asdict(settings)
    del made_with['vehicle']  # The index has a separate entry for it.
    if not settings.conditions:
        # Folders that were begun before demonstrations had conditions can thus be continued.
        del made_with['conditions']
    if not settings.correct_drift:
        del made_with['correct_drift']
    rate_hz = float(SimulationSettings().camera_rate_hz)
    return stored_camera(settings), rate_hz, settings.vehicle, made_with


def collect(
    seeds: Iterable[int],
    directory: Path,
    settings: CollectionSettings,
    workers: int = 2,
    on_episode: Callable[[str, int, int, int], None] | None = None,
) -> list[Path]:
    """Fly one episode for each seed; episodes that exist are kept, so that a collection resumes.

    Args:
        seeds: seeds of the forests or roads.
        directory: folder of the episodes, created when missing; files are named by their seed.
        settings: settings of all episodes.
        workers: processes.
        on_episode: callback, called with the outcome, the frames, and the numbers of episodes done
            and in all, as each episode is done.

    Returns:
        The paths of all episodes, in the order of the seeds.

    Raises:
        LiquidPilotError: the folder holds demonstrations of other settings, or a file cannot be
            written.
    """
    dataset_index.write_index(directory, *_index_values(settings))
    paths = {seed: directory / episode_file_name(seed) for seed in seeds}
    jobs = [(seed, path) for seed, path in paths.items() if not path.exists()]
    if jobs:
        count = min(workers, len(jobs))
        with spawned_pool(count, _start_worker, (settings,), ignore_ctrl_c=True) as pool:
            futures = as_completed([pool.submit(_collect_episode, job) for job in jobs])
            for done, future in enumerate(futures, 1 + len(paths) - len(jobs)):
                outcome, frames = future.result()
                if on_episode:
                    on_episode(outcome, frames, done, len(paths))
    return list(paths.values())
