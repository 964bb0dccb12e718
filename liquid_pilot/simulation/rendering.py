"""Offscreen OpenGL for MuJoCo: choose a backend that this machine has, or say what to install.

Import this module before `mujoco`: MuJoCo reads the environment variable MUJOCO_GL once, when it
is imported. A value that the user has set is left alone.
"""

from __future__ import annotations

import ctypes.util
import os
import weakref

from liquid_pilot.interfaces import LiquidPilotError

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


class CameraRenderer:
    """Renders one named camera of a model to RGB, reusing one OpenGL context.

    Close it (or use it as a context manager): contexts are a scarce resource of the driver and
    are not reliably freed by garbage collection.
    """

    def __init__(self, model: mujoco.MjModel, camera: str, width: int, height: int) -> None:
        self._camera = camera
        try:
            self._renderer = mujoco.Renderer(model, height, width)
        except Exception as error:
            raise LiquidPilotError(
                f'the {os.environ["MUJOCO_GL"]} OpenGL backend does not start ({error}). '
                'Set MUJOCO_GL to another of egl, osmesa, glfw. ' + INSTALL_HINT
            ) from error
        # Freed at the latest before the interpreter takes PyOpenGL apart.
        self._free = weakref.finalize(self, self._renderer.close)

    def render(self, data: mujoco.MjData) -> bytes:
        """Draw what the camera sees: height*width*3 bytes of rgb8, rows from the top."""
        self._renderer.update_scene(data, self._camera)
        return self._renderer.render().tobytes()

    def close(self) -> None:
        """Free the OpenGL context."""
        self._free()

    def __enter__(self) -> CameraRenderer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
