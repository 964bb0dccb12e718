"""Reader of the Gazebo worlds, for the tests."""

import xml.etree.ElementTree as ElementTree

from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.gazebo import world
from liquid_pilot.simulation.tasks.registry import gazebo_task_of, layout_of

SEED = 7


def made(vehicle):
    """Return the root of the SDF document and the files of a vehicle's world."""
    text, files = world.build_sdf(
        gazebo_task_of(vehicle),
        layout_of(vehicle, SEED, ()),
        SimulationSettings(vehicle=vehicle),
    )
    return ElementTree.fromstring(text), files


def numbers(element, path):
    """Return the numbers in the text of the element at a path."""
    return [float(word) for word in element.findtext(path).split()]
