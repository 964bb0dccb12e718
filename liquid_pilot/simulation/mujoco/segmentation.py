"""What the pixels of a rendered picture show, by the names of the objects of the scene."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError

if TYPE_CHECKING:
    import mujoco

SKY = 'sky'
OBJECT_CLASSES = {
    'target': r'target',
    'decoy': r'decoy',
    'trunk': r'tree_\d+',
    'crown': r'tree_\d+_crown\d+',
    'bush': r'bush_\d+',
    'hedge': r'hedge_\d+',
    'gate': r'gate_(post_\d+|bar)',
    'road': r'road_\d+',
    'ground': r'ground|far|tile_\d+_\d+',
    SKY: SKY,
}
"""Classes of objects of the shipped tasks, and the names of theirs as a regular expression."""


class Segmentation(NamedTuple):
    """What the pixels of one picture show."""

    geoms: npt.NDArray[np.int32]
    """(H, W) index of the geom; -1 where there is none."""
    names: tuple[str, ...]
    """Name of the object that each geom belongs to; the last one, of -1, is SKY."""

    def mask(self, object_class: str) -> npt.NDArray[np.bool_]:
        """Return the (H, W) pixels that show objects of a class.

        Args:
            object_class: one of OBJECT_CLASSES.

        Raises:
            LiquidPilotError: there is no such class.
        """
        pattern = OBJECT_CLASSES.get(object_class)
        if pattern is None:
            raise LiquidPilotError(
                f'there is no class of objects {object_class!r}; choose one of '
                f'{", ".join(OBJECT_CLASSES)}'
            )
        matches = re.compile(pattern).fullmatch
        return self._mask(matches(name) is not None for name in self.names)

    def trunk_mask(self, trees: Iterable[int]) -> npt.NDArray[np.bool_]:
        """Return the (H, W) pixels that show the trunks of some trees.

        Args:
            trees: numbers of the trees in the layout, see `nearest_trees`.
        """
        wanted = {f'tree_{number}' for number in trees}
        return self._mask(name in wanted for name in self.names)

    def _mask(self, chosen: Iterable[bool]) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = np.fromiter(chosen, bool, len(self.names))[self.geoms]
        return found


def object_names(model: mujoco.MjModel) -> tuple[str, ...]:
    """Return the name of the object of each geom of a model, and SKY as the last one.

    It is the name of the geom, of its body unless that is the world, or of its mesh.
    """
    names = []
    for number in range(model.ngeom):
        geom = model.geom(number)
        body, mesh = int(model.geom_bodyid[number]), int(model.geom_dataid[number])
        name = geom.name or (model.body(body).name if body else '')
        names.append(name or (model.mesh(mesh).name if mesh >= 0 else ''))
    return (*names, SKY)
