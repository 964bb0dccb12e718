"""Masks of objects are exact to the pixel, and drawing them changes nothing."""

import numpy as np
import pytest

from liquid_pilot.interfaces import Command, LiquidPilotError
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.vegetation import nearest_trees
from liquid_pilot.simulation.simulator import Simulation


def picture_of(packet):
    image = packet.observation.image
    return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)


def recoloured(simulation, names, wanted):
    """Return the picture with the geoms of these names in two other colours, glowing."""
    model, pictures = simulation.model, []
    chosen = np.array([name in wanted for name in names[:-1]])
    colours, materials = model.geom_rgba.copy(), model.geom_matid.copy()
    model.geom_matid[chosen] = -1
    for colour in ((1.0, 0.0, 1.0, 1.0), (0.0, 1.0, 0.0, 1.0)):
        model.geom_rgba[chosen] = colour
        pixels = simulation._scene.renderer.render(simulation.data)
        pictures.append(np.frombuffer(pixels, np.uint8).reshape(144, 256, 3))
    model.geom_rgba[:], model.geom_matid[:] = colours, materials
    return pictures


@pytest.mark.parametrize(
    ('vehicle', 'seed', 'classes'),
    [
        ('quadrotor', 7, ('target', 'trunk', 'crown', 'bush', 'ground')),
        ('rover', 3, ('road', 'trunk', 'crown', 'bush', 'ground')),
    ],
)
def test_a_mask_covers_just_what_is_coloured_differently(vehicle, seed, classes):
    with Simulation(SimulationSettings(vehicle=vehicle)) as simulation:
        packet = simulation.reset(seed)
        for _ in range(20):
            packet = simulation.advance(Command(packet.stamp_ns, 1.0, 0.0, 0.0, 0.0))
        segmentation = simulation.segment()
        total = segmentation.mask('sky').astype(int)
        for kind in classes:
            mask = segmentation.mask(kind)
            names = {segmentation.names[geom] for geom in np.unique(segmentation.geoms[mask])}
            first, second = recoloured(simulation, segmentation.names, names)
            assert mask.any(), kind
            assert ((first != second).any(axis=2) == mask).all(), kind
            total += mask
        # Each pixel shows one thing.
        assert (total == 1).all()


def test_drawing_a_mask_leaves_picture_and_flight_alone():
    with Simulation() as simulation:
        packet = simulation.reset(5)
        plain = [picture_of(packet)]
        plain += [picture_of(simulation.advance(None)) for _ in range(3)]
        packet = simulation.reset(5)
        states, pictures = [packet.state], [picture_of(packet)]
        for _ in range(3):
            simulation.segment()
            simulation.segment(states[0])
            packet = simulation.advance(None)
            states.append(packet.state)
            pictures.append(picture_of(packet))
        for before, after in zip(plain, pictures, strict=True):
            assert (before == after).all()


def test_a_mask_of_another_pose_is_the_one_that_was_seen_there():
    with Simulation() as simulation:
        packet = simulation.reset(7)
        at_start, state = simulation.segment(), packet.state
        for _ in range(20):
            packet = simulation.advance(Command(packet.stamp_ns, 2.0, 0.0, 0.0, 0.5))
        assert (simulation.segment().geoms != at_start.geoms).any()
        assert (simulation.segment(state).geoms == at_start.geoms).all()


def test_the_trunks_nearest_to_a_path():
    with Simulation() as simulation:
        simulation.reset(7)
        layout, segmentation = simulation.layout, simulation.segment()
    path = np.linspace(layout.start_enu_m, layout.target_enu_m, 30)
    nearest = nearest_trees(layout.trees, path, 6)
    gaps = [
        np.hypot(path[:, 0] - tree.x_m, path[:, 1] - tree.y_m).min() - tree.trunk_radius_m
        for tree in layout.trees
    ]
    near = [gaps[number] for number in nearest]
    assert near == sorted(near)
    others = set(range(len(layout.trees))) - set(nearest)
    assert max(near) <= min(gaps[number] for number in others if not layout.trees[number].backdrop)
    mask = segmentation.trunk_mask(nearest)
    assert mask.any() and not (mask & ~segmentation.mask('trunk')).any()
    assert mask.sum() < segmentation.mask('trunk').sum()


def test_a_target_that_is_hidden_is_in_no_mask():
    """In a memory course both chairs disappear after a moment."""
    seen = []
    with Simulation(SimulationSettings(conditions=parse('two_legs:1'))) as simulation:
        packet = simulation.reset(3)
        for _ in range(40):
            seen.append(bool(simulation.segment().mask('target').any()))
            packet = simulation.advance(Command(packet.stamp_ns, 0.0, 0.0, 0.0, 0.0))
    assert seen[0] and not seen[-1]


def test_a_class_that_is_not_there_is_refused():
    with Simulation() as simulation:
        simulation.reset(1)
        with pytest.raises(
            LiquidPilotError, match="class of objects 'house'; choose one of target"
        ):
            simulation.segment().mask('house')
