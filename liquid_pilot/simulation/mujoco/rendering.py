"""Offscreen OpenGL for MuJoCo: choose a backend that this machine has, or say what to install.

Import this module before `mujoco`: MuJoCo reads the environment variable MUJOCO_GL once, when it
is imported. A value that the user has set is left alone.
"""

from __future__ import annotations

import atexit
import ctypes.util
import math
import os
import threading
import time

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.mujoco.mjcf import HIDDEN_GEOM_GROUP

APT_PACKAGES = 'libegl1 libgl1-mesa-dri'
INSTALL_HINT = (
    'MuJoCo needs an OpenGL library to render the camera. Install one with '
    f'`sudo apt-get install {APT_PACKAGES}` (EGL) or `sudo apt-get install libosmesa6` '
    '(software), then try again.'
)


def available_backends() -> list[str]:
    """Offscreen backends whose system library can be found, best first.

    EGL comes first because it uses a GPU where there is one. Without a GPU both draw with the
    same software rasteriser (llvmpipe) and give the same pixels.
    """
    found = []
    if ctypes.util.find_library('EGL') and ctypes.util.find_library('GL'):
        found.append('egl')
    if ctypes.util.find_library('OSMesa'):
        found.append('osmesa')
    return found


def select_backend() -> str:
    """Set MUJOCO_GL (and PyOpenGL's twin of it) unless the user has; return the backend's name.

    Raises:
        LiquidPilotError: when no offscreen OpenGL library is installed.
    """
    chosen = os.environ.get('MUJOCO_GL')
    if not chosen:
        backends = available_backends()
        if not backends:
            raise LiquidPilotError(INSTALL_HINT)
        chosen = backends[0]
        os.environ['MUJOCO_GL'] = chosen
    # Where llvmpipe draws these small pictures, more threads cost more than they bring.
    os.environ.setdefault('LP_NUM_THREADS', '1')
    if chosen in ('egl', 'osmesa'):
        os.environ.setdefault('PYOPENGL_PLATFORM', chosen)
    return chosen


select_backend()

try:
    import mujoco
except ImportError as error:
    raise LiquidPilotError(
        f'MuJoCo cannot be imported ({error}): pip install "liquid_pilot[sim]"'
    ) from error
except Exception as error:  # PyOpenGL raises AttributeError when the library is half there
    raise LiquidPilotError(f'{INSTALL_HINT} ({type(error).__name__}: {error})') from error


_SPARE_GEOMS = 1000
"""Room in the list of what is drawn beyond the model's own geoms. MuJoCo's default of 10,000
costs 17 ms a flight to allocate."""
_MARGIN_M = 0.01
"""How far beyond its bounding sphere a geom still counts as in view."""


class _Contexts(threading.local):
    """The OpenGL contexts of one thread, by picture size, kept until the process ends.

    A context keeps the shaders that it has compiled; making one anew for each flight costs
    150 ms with a software rasteriser. A context serves one thread, hence one each.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], mujoco.GLContext] = {}

    def current(self, width: int, height: int) -> None:
        """Make the context of that size the one that this thread draws with."""
        context = self._made.get((width, height))
        if context is None:
            context = self._made[width, height] = mujoco.GLContext(width, height)
            # Freed at the latest before the interpreter takes PyOpenGL apart.
            atexit.register(context.free)
        context.make_current()


_contexts = _Contexts()


class CameraRenderer:
    """Renders one named camera of a model to RGB, in the OpenGL context of its thread.

    Close it (or use it as a context manager): what it holds on the graphics side is not reliably
    freed by garbage collection.

    Args:
        model: compiled; textures and meshes are uploaded now.
        camera: its name.
        width: of the picture, in pixels; the model's offscreen buffer must be as large.
        height: likewise.
        cull: leave out what is outside the camera's view. The pixels are the same without.
    """

    def __init__(
        self, model: mujoco.MjModel, camera: str, width: int, height: int, cull: bool = True
    ) -> None:
        self._model, self._size, self._cull = model, (width, height), cull
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._camera.fixedcamid = model.camera(camera).id
        try:
            _contexts.current(width, height)
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50.value)
        except Exception as error:
            raise LiquidPilotError(
                f'the {os.environ["MUJOCO_GL"]} OpenGL backend does not start ({error}). '
                'Set MUJOCO_GL to another of egl, osmesa, glfw. ' + INSTALL_HINT
            ) from error
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + _SPARE_GEOMS)
        self._option, self._perturb = mujoco.MjvOption(), mujoco.MjvPerturb()
        self._option.geomgroup[HIDDEN_GEOM_GROUP] = 0
        self._rectangle = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), np.uint8)
        self._depth = np.empty((height, width), np.float32)
        # Most of the digits for what is near: 1 at the near plane, 0 at the far one.
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        near, far = (model.stat.extent * end for end in (model.vis.map.znear, model.vis.map.zfar))
        self._depth_terms, self._far_m = (near * far / (far - near), near / (far - near)), far
        self.total_render_s = 0.0
        """Wall time of all calls of `render` so far."""

    def render(self, data: mujoco.MjData) -> bytes:
        """Draw what the camera sees: height*width*3 bytes of rgb8, rows from the top."""
        return self._draw(data, None).tobytes()

    def render_with_depth(self, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
        """What the camera sees, (H, W, 3) uint8, and how far it is, (H, W) float32.

        The distance is along the optical axis, in metres; that of the sky is the far plane's.
        """
        picture = self._draw(data, self._depth)
        scale, offset = self._depth_terms
        return picture.copy(), scale / (self._depth[::-1] + np.float32(offset))

    def show(self, body: str, shown: bool) -> None:
        """Draw what a body is made of, or not; it stays where it is."""
        geoms = self._model.geom_bodyid == self._model.body(body).id
        self._model.geom_group[geoms] = 0 if shown else HIDDEN_GEOM_GROUP

    def _draw(self, data: mujoco.MjData, depth: np.ndarray | None) -> np.ndarray:
        began = time.perf_counter()
        _contexts.current(*self._size)
        # Of another renderer's buffer there may be one bound in the same context.
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        groups = self._model.geom_group.copy()
        if self._cull:
            self._model.geom_group[~self._in_view(data)] = HIDDEN_GEOM_GROUP
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            self._perturb,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )
        self._model.geom_group[:] = groups
        mujoco.mjr_render(self._rectangle, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, depth, self._rectangle, self._context)
        self.total_render_s += time.perf_counter() - began
        # OpenGL counts rows from the bottom.
        return self._pixels[::-1]

    def _in_view(self, data: mujoco.MjData) -> np.ndarray:
        """(ngeom,) bool: whose bounding sphere reaches into the camera's view.

        MuJoCo draws everything, and two thirds of a forest stand beside or behind the camera, most
        of a road beyond its far plane.
        """
        model, camera = self._model, self._camera.fixedcamid
        axes = data.cam_xmat[camera].reshape(3, 3)
        right, up, back = ((data.geom_xpos - data.cam_xpos[camera]) @ axes).T
        radius = model.geom_rbound + _MARGIN_M
        tall = math.tan(0.5 * math.radians(model.cam_fovy[camera]))
        wide = tall * self._size[0] / self._size[1]
        seen = np.abs(right) < radius * math.hypot(1.0, wide) - back * wide
        seen &= np.abs(up) < radius * math.hypot(1.0, tall) - back * tall
        seen &= -back < radius + self._far_m
        # A plane has no bounding sphere: MuJoCo says 0.
        return seen | (model.geom_rbound == 0.0)

    @property
    def drawn_geoms(self) -> int:
        """How many geoms the last picture was drawn from."""
        return self._scene.ngeom

    def close(self) -> None:
        """Free textures, meshes and buffers on the graphics side."""
        if self._context is not None:
            _contexts.current(*self._size)
            self._context.free()
            self._context = None

    def __enter__(self) -> CameraRenderer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
