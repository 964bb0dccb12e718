"""Helpers for writing SDF with the standard library's ElementTree."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from xml.etree.ElementTree import Element

from liquid_pilot.simulation.base.xml_text import format_numbers

VERSION = '1.9'
RENDER_ENGINES = ('ogre2', 'ogre')
"""Engines that can render Gazebo's cameras."""


def element(tag: str, text: str = '', **attributes: str) -> Element:
    """Return a new element without a parent."""
    child = Element(tag, attributes)
    child.text = text or None
    return child


def add_child(parent: Element, tag: str, text: str = '', **attributes: str) -> Element:
    """Append a new element to a parent, and return it.

    Args:
        parent: the parent.
        tag: tag of the element.
        text: text of the element; empty: it has none.
        **attributes: attributes of the element.
    """
    child = element(tag, text, **attributes)
    parent.append(child)
    return child


def add_pose(
    parent: Element, position: Iterable[float], rpy: Iterable[float] = (0.0, 0.0, 0.0)
) -> None:
    """Append a pose.

    Args:
        parent: the element to place.
        position: x, y, z, m.
        rpy: roll, pitch and yaw about fixed axes, rad.
    """
    add_child(parent, 'pose', format_numbers((*position, *rpy)))


def add_plugin(parent: Element, file: str, name: str, **parameters: str) -> Element:
    """Append a system of gz-sim, and return it.

    Args:
        parent: the world or the model.
        file: file name between 'gz-sim-' and '-system'.
        name: class in gz::sim::systems.
        **parameters: parameters of the system.
    """
    plugin = add_child(
        parent, 'plugin', filename=f'gz-sim-{file}-system', name=f'gz::sim::systems::{name}'
    )
    for key, value in parameters.items():
        add_child(plugin, key, value)
    return plugin


def document(root: Element) -> str:
    """Return an indented XML document. It indents the elements in place."""
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding='unicode', xml_declaration=True) + '\n'
