"""The flights of the expert that all cores are scored on, and the cores that follow them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from liquid_pilot.explanation.core_paths import CoreTick
from liquid_pilot.explanation.flights.saliency_frames import (
    AHEAD_S,
    NEAREST_TREES,
    StateRecorder,
)
from liquid_pilot.explanation.flights.state_variables import state_variables
from liquid_pilot.explanation.object_masks import preprocessed_mask
from liquid_pilot.interfaces import Command, LiquidPilotError, SensorPacket
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.inference.recurrent_cores import Core, make_core
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.pilot_file.files import ENCODER_FILE
from liquid_pilot.simulation.base.vegetation import nearest_trees
from liquid_pilot.simulation.rollout import fly_mission
from liquid_pilot.utils.atomic_write import write_atomically
from studies.common import Display
from studies.transparency.study import Group, Study

MASKS = ('target', 'trunks', 'sky')


@dataclass(eq=False)
class Replay:
    """A core that was stepped with what its encoder saw in a flight."""

    ticks: list[CoreTick]
    """What it was stepped with."""
    before: np.ndarray
    """(T, N) state before each tick."""
    after: np.ndarray
    """(T, N) state after each tick."""


class _ExpertInFlight:
    """The expert as the pilot of a mission."""

    def __init__(self, simulation: StateRecorder) -> None:
        self._simulation = simulation
        self.command: Command | None = None

    def reset(self) -> None:
        """Prepare for the next mission."""
        self._expert = self._simulation.task.expert(self._simulation.layout)
        self.command = None

    def warm_up(self) -> None:
        """Do nothing: there is nothing to load."""

    def setpoint(self, packet: SensorPacket) -> Command:
        """Return the expert's command."""
        self.command = self._expert.command(packet.state)
        return self.command


def fly_missing(study: Study, display: Display) -> None:
    """Let the expert fly all forests that have no file."""
    for group in study.groups:
        check_encoder(study, group)
    forests = [*study.tuning_forests, *study.forests]
    with StateRecorder() as simulation:
        for number, forest in enumerate(forests):
            path = study.flight_file(forest)
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                buffer = io.BytesIO()
                np.savez_compressed(buffer, **_fly(study, simulation, forest))
                write_atomically(path, buffer.getvalue())
            display.announce('flights', number + 1, len(forests), float('nan'))


def check_encoder(study: Study, group: Group) -> None:
    """Check that the pilots of a group see the same and feed their cores with the same.

    Raises:
        LiquidPilotError: they do not.
    """
    pilots = [study.pilot(name) for name in group.pilots.values()]
    kinds = {
        (
            (pilot.path / ENCODER_FILE).read_bytes(),
            pilot.specification.camera,
            tuple(pilot.specification.imu_mean),
            tuple(pilot.specification.imu_scale),
        )
        for pilot in pilots
    }
    if len(kinds) != 1:
        raise LiquidPilotError(
            f'the pilots of {group.name} do not share one encoder; bring back those that the page '
            'names'
        )


def frame_ticks(study: Study, ticks: int) -> list[int]:
    """Return the ticks of the scored frames of a flight."""
    return [min(ticks - 1, round(share * ticks)) for share in study.plan['flights']['frames']]


def _fly(study: Study, simulation: StateRecorder, forest: int) -> dict[str, Any]:
    """Fly one mission; returns the arrays of its file."""
    groups = study.groups_of(forest)
    engines, states, inputs, dt_s = [], [], [], []
    for group in groups:
        engine = Engine(study.pilot(next(iter(group.pilots.values()))), simulation.camera)
        engines.append(engine)
        states.append(engine.initial_state())
        inputs.append([])
    variables: list[dict[str, float]] = []
    images = []

    def on_packet(packet: SensorPacket) -> None:
        observation = packet.observation
        assert observation is not None  # clear weather drops no frame
        variables.append(state_variables(packet, simulation))
        images.append(observation.image)
        for number, engine in enumerate(engines):
            tick = engine.tick(states[number], observation)
            states[number] = tick.state
            inputs[number].append(tick.core_inputs.copy())
        dt_s.append(tick.dt_s)

    result = fly_mission(forest, simulation, _ExpertInFlight(simulation), on_packet=on_packet)
    camera = engines[0].pilot.specification.camera
    preprocess = Preprocessor(camera, simulation.camera)
    path = np.array([state.position_enu_m for state in simulation.states])
    rate_hz = engines[0].pilot.specification.rate_hz
    layout: Any = simulation.layout
    pictures, masks = [], []
    for tick_number in frame_ticks(study, len(images)):
        pictures.append(preprocess(images[tick_number])[0].astype(np.float16))
        seen = simulation.segment(simulation.states[tick_number])
        ahead = path[tick_number : tick_number + round(AHEAD_S * rate_hz) + 1]
        found = (
            seen.mask('target'),
            seen.trunk_mask(nearest_trees(layout.trees, ahead, NEAREST_TREES)),
            seen.mask('sky'),
        )
        masks.append([preprocessed_mask(mask, preprocess).astype(np.float16) for mask in found])
    names = list(variables[0])
    return {
        'outcome': result.outcome,
        'dt_s': np.array(dt_s),
        'variable_names': names,
        'variables': np.array([[each[name] for name in names] for each in variables]),
        'pictures': np.array(pictures),
        'masks': np.array(masks),
        **{
            f'inputs {group.name}': np.array(rows, np.float32)
            for group, rows in zip(groups, inputs, strict=True)
        },
    }


def load_flight(study: Study, forest: int) -> dict[str, np.ndarray]:
    """Return the arrays of a flight."""
    with np.load(study.flight_file(forest)) as content:
        return dict(content)


def core_ticks(flight: dict[str, np.ndarray], group: str) -> list[CoreTick]:
    """Return what the cores of a group are stepped with in a flight."""
    return [
        CoreTick(row, float(dt_s))
        for row, dt_s in zip(flight[f'inputs {group}'], flight['dt_s'], strict=True)
    ]


def replay(pilot: PilotFile, ticks: list[CoreTick], core: Core | None = None) -> Replay:
    """Step the core of a pilot through a flight, from rest."""
    core = core or make_core(pilot)
    state, before, after = core.initial_state(), [], []
    for tick in ticks:
        before.append(core.neuron_states(state).copy())
        state, _ = core.step(state, np.asarray(tick.inputs, np.float32), tick.dt_s)
        after.append(core.neuron_states(state).copy())
    return Replay(ticks, np.array(before), np.array(after))
