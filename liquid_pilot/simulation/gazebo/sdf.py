"""Small words for writing SDF, by the standard library's ElementTree."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable

VERSION = '1.9'
RENDER_ENGINES = ('ogre2', 'ogre')
"""What can draw Gazebo's cameras."""
Element = ElementTree.Element


def element(tag: str, text: str = '', **attributes: str) -> Element:
    """An element that belongs to none yet."""
    made = Element(tag, attributes)
    made.text = text or None
    return made


def add_child(parent: Element, tag: str, text: str = '', **attributes: str) -> Element:
    """A new child."""
    made = element(tag, text, **attributes)
    parent.append(made)
    return made


def format_numbers(values: Iterable[float]) -> str:
    """Numbers with a space between them."""
    return ' '.join(f'{value:.9g}' for value in values)


def rgba(colour: Iterable[float]) -> str:
    """Red, green and blue, clipped to [0, 1], and opaque."""
    return ' '.join(f'{min(max(float(c), 0.0), 1.0):.3f}' for c in colour) + ' 1'


def pose(
    parent: Element, position: Iterable[float], rpy: Iterable[float] = (0.0, 0.0, 0.0)
) -> None:
    """Metres, and radians about fixed axes."""
    add_child(parent, 'pose', format_numbers((*position, *rpy)))


def plugin(parent: Element, file: str, name: str, **parameters: str) -> Element:
    """A system of gz-sim: file name between 'gz-sim-' and '-system', class, and parameters."""
    made = add_child(
        parent, 'plugin', filename=f'gz-sim-{file}-system', name=f'gz::sim::systems::{name}'
    )
    for key, value in parameters.items():
        add_child(made, key, value)
    return made


def document(root: Element) -> str:
    """As a file."""
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding='unicode', xml_declaration=True) + '\n'
