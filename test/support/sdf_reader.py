"""The Gazebo worlds as XML, for the tests."""

import xml.etree.ElementTree as ElementTree

from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.gazebo import world
from liquid_pilot.simulation.tasks.registry import layout_of

SEED = 7


def made(vehicle):
    """(root of the SDF, its files) of a vehicle's world."""
    text, files = world.build_sdf(layout_of(vehicle, SEED, ()), SimulationSettings(vehicle=vehicle))
    return ElementTree.fromstring(text), files


def numbers(element, path):
    """Of the text that stands there."""
    return [float(word) for word in element.findtext(path).split()]
