"""Demonstrations: what the expert would do at every frame of flights that were disturbed.

The expert labels; who steers is the expert with noise injected into its commands (Laskey et al.
2017, DART), so that the pilot learns to come back, or a pilot (Ross et al. 2011, DAgger), so that
it learns from the states that it gets into. One `.npz` file an episode; nothing is pickled.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    CameraGeometry,
    Observation,
    SensorPacket,
)
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.onboard.perception.imu import mean_imu
from liquid_pilot.simulation.base import condition as conditions
from liquid_pilot.simulation.base.action_noise import (
    ActionNoise,
    ActionNoiseSettings,
    UndecidedSteering,
)
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import RouteProgress
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.process_pool import spawned_pool


@dataclass(frozen=True)
class CollectionSettings:
    """What a set of demonstrations is made with; part of a pilot's card."""

    image_width: int = 128
    image_height: int = 72
    disturbance: ActionNoiseSettings = field(default_factory=ActionNoiseSettings)
    pilot: str | None = None
    """Path of the pilot that steers (DAgger); None lets the disturbed expert steer."""
    mixing: float = 0.0
    """DAgger: probability that the expert steers for an episode's next second."""
    conditions: tuple[str, ...] = ()
    """Weather to fly in, as `simulation.base.condition` reads it: one of them a flight, in turn."""
    vehicle: str = 'quadrotor'


def stored_camera(settings: CollectionSettings) -> CameraGeometry:
    """Geometry of the stored images: the simulator's view, in the size that the encoder sees."""
    return CameraGeometry.from_vertical_fov(
        settings.image_width, settings.image_height, SimulationSettings().camera_vertical_fov_rad
    )


class ExpertCollector:
    """Flies episodes one after another in one process."""

    def __init__(self, settings: CollectionSettings) -> None:
        self.settings = settings
        self._simulation = Simulation(SimulationSettings(vehicle=settings.vehicle))
        self._preprocess = Preprocessor(stored_camera(settings), self._simulation.camera)
        self._pilot = None
        if settings.pilot:
            # Only DAgger needs an engine; plain demonstrations start without loading one.
            from liquid_pilot.pilot_file import load
            from liquid_pilot.simulation.rollout import InProcessPilot

            self._pilot = InProcessPilot(load(settings.pilot), self._simulation)

    def fly(self, seed: int) -> Episode:
        """One episode, to its end by the missions' own rules."""
        simulation, s = self._simulation, self.settings
        rng = random_stream(seed, 'injector')
        period_s = simulation.control_period_ns / NANOSECONDS_PER_SECOND
        inject = ActionNoise(s.disturbance, rng, period_s)
        turn = conditions.parse(s.conditions[seed % len(s.conditions)]) if s.conditions else ()
        packet = simulation.reset(seed, conditions=turn)
        if self._pilot is not None:
            self._pilot.reset()
        expert = simulation.task.demonstrator(simulation.layout)
        mission = Mission(seed, simulation.layout, simulation.task.rules)
        waver = UndecidedSteering(random_stream(seed, 'waver'))
        rows: list[tuple[np.ndarray, np.ndarray, float, tuple[float, ...], tuple[float, ...]]] = []
        last_ns, expert_steers = packet.stamp_ns - simulation.control_period_ns, True
        tick = 0
        while mission.update(packet) is None:
            label = expert.command(packet.state)
            seen = packet.observation
            if seen is not None:
                rows.append(
                    (
                        self._image(seen),
                        mean_imu(seen.imu),
                        (seen.stamp_ns - last_ns) / NANOSECONDS_PER_SECOND,
                        label.values,
                        _bearing(packet, simulation.way),
                    )
                )
                last_ns = seen.stamp_ns
            if self._pilot is None:
                setpoint = inject(label)
            else:
                answer = self._pilot.setpoint(packet)
                if tick % 20 == 0:
                    expert_steers = rng.random() < s.mixing
                chosen = label if expert_steers else answer
                # No frame, no answer: the vehicle goes on with the last one.
                setpoint = None if chosen is None else inject(chosen)
            if setpoint is not None:
                setpoint = waver(setpoint, simulation.at_decision_point, period_s)
            packet = simulation.advance(setpoint)
            tick += 1
        images, imu, dt_s, commands, bearing = zip(*rows, strict=True)
        return Episode(
            seed,
            mission.outcome,
            np.stack(images),
            np.float32(imu),
            np.float32(dt_s),
            np.float32(commands),
            np.float32(bearing),
        )

    def _image(self, seen: Observation) -> np.ndarray:
        """(H, W, 3) uint8: exactly what the encoder is shown in flight, before scaling."""
        planes = self._preprocess(seen.image)[0]
        return np.rint(planes.transpose(1, 2, 0) * 255.0).astype(np.uint8)


def _bearing(packet: SensorPacket, way: RouteProgress) -> tuple[float, float]:
    """Cosine and sine of the direction to go in, to the left of the nose."""
    angle = way.bearing_rad(packet.state)
    return math.cos(angle), math.sin(angle)


_collectors: list[ExpertCollector] = []


def _start_worker(settings: CollectionSettings) -> None:
    # Ctrl-C reaches every process of the terminal; who collects decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _collectors.append(ExpertCollector(settings))


def _collect_episode(job: tuple[int, Path]) -> tuple[str, int]:
    seed, path = job
    episode = _collectors[0].fly(seed)
    episode.save(path)
    return episode.outcome, len(episode.dt_s)


def collect(
    seeds: Iterable[int],
    directory: Path,
    settings: CollectionSettings,
    workers: int = 2,
    on_episode: Callable[[str, int, int, int], None] | None = None,
) -> list[Path]:
    """Fly one episode a seed into `directory`; those already there are kept, so it resumes.

    Args:
        seeds: of the forests.
        directory: made when missing; files are named by their seed.
        settings: the same for all of them.
        workers: processes.
        on_episode: called with (outcome, frames, done, of) as each is done.

    Returns:
        The paths of all episodes, in the order of the seeds.
    """
    simulation, made_with = SimulationSettings(), asdict(settings)
    del made_with['vehicle']  # The index itself says it.
    if not settings.conditions:
        # So a folder reads that was begun before there was weather in demonstrations.
        del made_with['conditions']
    dataset_index.write_index(
        directory,
        stored_camera(settings),
        float(simulation.camera_rate_hz),
        settings.vehicle,
        made_with,
    )
    paths = {seed: directory / f'episode_{seed:08d}.npz' for seed in seeds}
    jobs = [(seed, path) for seed, path in paths.items() if not path.exists()]
    if jobs:
        with spawned_pool(min(workers, len(jobs)), _start_worker, (settings,)) as pool:
            flown = as_completed([pool.submit(_collect_episode, job) for job in jobs])
            for done, future in enumerate(flown, 1 + len(paths) - len(jobs)):
                outcome, frames = future.result()
                if on_episode:
                    on_episode(outcome, frames, done, len(paths))
    return list(paths.values())
