"""The Gazebo worlds as XML, for the tests."""

import xml.etree.ElementTree as ElementTree

from liquid_pilot.simulation import gazebo_world
from liquid_pilot.simulation.tasks import layout_of
from liquid_pilot.simulation.world import SimulationSettings

SEED = 7


def made(vehicle):
    """(root of the SDF, its files) of a vehicle's world."""
    text, files = gazebo_world.build(
        layout_of(vehicle, SEED, ()), SimulationSettings(vehicle=vehicle))
    return ElementTree.fromstring(text), files


def numbers(element, path):
    """Of the text that stands there."""
    return [float(word) for word in element.findtext(path).split()]
