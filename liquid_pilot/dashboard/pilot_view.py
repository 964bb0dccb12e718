"""What the page knows of a pilot: wiring, trained values, and what is computed of a tick."""

from __future__ import annotations

import contextlib
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot import pilot_file
from liquid_pilot.dashboard.events import DISTANCES, GUARD_WORDS
from liquid_pilot.dashboard.guard_output import OTHERS, OUTPUTS
from liquid_pilot.dashboard.records import Block, Float32Array, Record, RowLayout
from liquid_pilot.dashboard.viewers import Map
from liquid_pilot.explanation.core_paths import CorePaths, core_inputs
from liquid_pilot.explanation.overlay import colours
from liquid_pilot.explanation.pixels import METHODS, PixelExplainer
from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, LiquidPilotError
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.inference.trace import GATE_FIELDS, Trace
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.onboard.safety.guard import STATES
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.pilot_file.plot import COMMAND_AXES, IMU_AXES, time_constant_bounds
from liquid_pilot.utils.resources import shipped_pilots

LIVE_METHODS = METHODS[:3]
"""Methods that are fast enough for a live picture."""
ALL_COMMANDS = 'all'
"""Name of a map that explains all features, and no command in particular."""
MAPS: tuple[Map, ...] = tuple(
    (method, command) for method in LIVE_METHODS for command in (ALL_COMMANDS, *COMMAND_AXES)
)
"""The maps that a page may ask for."""
JPEG_QUALITY = 92
_KEPT_PICTURES = 6
"""Few, because those of a large camera have many megabytes each."""
_UNITS = ('m/s', 'm/s', 'm/s', 'rad/s')


def find_pilot(digest: str, name: str = '') -> PilotFile | None:
    """Return the pilot file of a digest: one that is named, or a shipped one; None: neither is it.

    Args:
        digest: SHA-256 of the pilot file, or its beginning.
        name: name of a shipped pilot, or its folder; empty: none is named.
    """
    folders: list[Path] = []
    if name:
        with contextlib.suppress(LiquidPilotError):
            folders.append(pilot_file.resolve(name))
    for folder in (*folders, *shipped_pilots().values()):
        try:
            pilot = pilot_file.load(folder)
        except LiquidPilotError:
            continue
        if pilot.digest.startswith(digest):
            return pilot
    return None


def encode_picture(rgb: npt.NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """Return a picture as JPEG.

    Args:
        rgb: (H, W, 3) RGB, or (H, W) grey.
        quality: quality of JPEG, 1 to 100.
    """
    picture = rgb if rgb.ndim == 2 else rgb[:, :, ::-1]
    done, data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return bytes(data)


class SeenPictures:
    """The newest frames of the camera, as the pilot sees them."""

    def __init__(self) -> None:
        self._frames: OrderedDict[int, ImageBuffer] = OrderedDict()
        self._shown_ns = 0
        self._pilot: PilotFile | None = None
        self._camera: CameraGeometry | None = None
        self._preprocess: Preprocessor | None = None
        self.problem = ''
        """Why the frame that was wanted last cannot be read; empty: it can."""

    def add(self, stamp_ns: int, image: ImageBuffer) -> None:
        """Take a frame, which waits for the trace of its tick."""
        self._frames.pop(stamp_ns, None)
        self._frames[stamp_ns] = image
        while len(self._frames) > _KEPT_PICTURES:
            self._frames.popitem(last=False)

    def show_to(self, pilot: PilotFile | None) -> None:
        """Take the pilot that sees them; None: it is not known."""
        self._pilot, self._preprocess = pilot, None

    def use_camera(self, camera: CameraGeometry | None) -> None:
        """Take the intrinsics of the camera; None: they are not known."""
        if camera != self._camera:
            self._camera, self._preprocess = camera, None

    def get(self, stamp_ns: int) -> ImageBuffer | None:
        """Return the frame of a stamp; None where it is not here."""
        return self._frames.get(stamp_ns)

    @property
    def new(self) -> tuple[int, ImageBuffer] | None:
        """Stamp and frame of the newest; None where it has been encoded already."""
        stamp_ns, image = next(reversed(self._frames.items()), (0, None))
        return None if image is None or stamp_ns == self._shown_ns else (stamp_ns, image)

    def encode(self, stamp_ns: int, image: ImageBuffer) -> bytes:
        """Return what the pilot sees of a frame as JPEG; empty where the frame cannot be read."""
        self._shown_ns = stamp_ns
        try:
            if self._preprocess is None:
                self._preprocess = self._make_preprocessor(image)
            planes = self._preprocess(image)[0]
        except LiquidPilotError as error:
            self.problem = str(error)
            return b''
        self.problem = ''
        return encode_picture((255.0 * planes.transpose(1, 2, 0) + 0.5).astype(np.uint8))

    def _make_preprocessor(self, image: ImageBuffer) -> Preprocessor:
        if self._pilot is None:
            width = min(image.width, 320)
            height = max(round(width * image.height / max(image.width, 1)), 1)
            return Preprocessor(CameraGeometry.from_vertical_fov(max(width, 1), height, 1.0))
        specification = self._pilot.specification
        return Preprocessor(specification.camera, self._camera, specification.rectify)


class PilotView:
    """One pilot, as the page shows it. Use an object from one thread at a time.

    Args:
        pilot: the pilot file; None: the one that flies is not known, so that only what the trace
            holds is shown.
        features: number of features of its trace, where it is not known.
        neurons: number of neurons of its trace, where it is not known.
        gate: settings of its novelty gate; None: the defaults.
    """

    def __init__(
        self,
        pilot: PilotFile | None,
        features: int = 0,
        neurons: int = 0,
        gate: NoveltyGateSettings | None = None,
    ) -> None:
        self.pilot = pilot
        self._paths: CorePaths | None = None
        self._pixels: PixelExplainer | None = None
        self.log_thresholds: Float32Array = np.empty(0, np.float32)
        """(3,) logarithms of the thresholds of the novelty gate; empty where they are not known."""
        self.filter_tau: Float32Array = np.empty((0, 0), np.float32)
        """(R, C) trained time constants of the temporal filter, s."""
        if pilot is not None:
            features = pilot.specification.features
            if pilot.parameters is not None:
                neurons = pilot.parameters.neurons
            if pilot.ltc_parameters is not None:
                self._paths = CorePaths(pilot)
            try:
                self._pixels = PixelExplainer(pilot)
            except LiquidPilotError:
                self._pixels = None
            statistics, gate = pilot.training_statistics, gate or NoveltyGateSettings()
            if statistics is not None:
                factor = math.log(gate.training_threshold_factor)
                self.log_thresholds = np.log(statistics.ood_thresholds) + np.float32(factor)
                self.filter_tau = statistics.filter_tau_s
        self.layout = RowLayout(features, neurons)
        """The numbers of a record."""

    def fits(self, trace: Trace) -> bool:
        """Return whether a trace has as many numbers as this pilot."""
        fields = self.layout.fields
        sizes = trace.features.size, trace.state.size, trace.imu.size
        return sizes == (fields['features'], fields['state'], fields['imu'])

    def describe(self) -> dict[str, Any]:
        """Return the description of the pilot, as plain data."""
        content: dict[str, Any] = {
            'fields': self.layout.fields,
            'gate_fields': list(GATE_FIELDS),
            'guard_states': {state: GUARD_WORDS[state] for state in STATES},
            'setpoints': [other._asdict() for other in OTHERS],
            'outputs': {
                name: {'words': output.words, 'is_rotated': output.is_rotated}
                for name, output in OUTPUTS.items()
            },
            'distances': list(DISTANCES),
            'commands': [
                {'name': name, 'unit': unit}
                for name, unit in zip(COMMAND_AXES, _UNITS, strict=True)
            ],
            'maps': {'methods': list(LIVE_METHODS), 'commands': [ALL_COMMANDS, *COMMAND_AXES]}
            if self._pixels is not None
            else {'methods': [], 'commands': []},
            'colours': colours(np.linspace(0.0, 1.0, 256, dtype=np.float32)[None])[0].tolist(),
            'pilot': None,
        }
        if self.pilot is None:
            return content
        specification = self.pilot.specification
        camera, limits = specification.camera, specification.limits
        content['pilot'] = {
            'name': specification.name,
            'digest': self.pilot.digest[:12],
            'vehicle': specification.vehicle,
            'drives': _drives(specification.vehicle),
            'rate_hz': specification.rate_hz,
            'width': camera.width,
            'height': camera.height,
            'features': specification.features,
            'core': specification.core_kind,
            'maximum': list(limits.maximum),
            'filter_grid': list(self.filter_tau.shape),
            'filter_tau_s': self.filter_tau.ravel().tolist(),
            'adapts': self.pilot.training_statistics is not None,
        }
        content['wiring'] = self._describe_wiring()
        return content

    def _describe_wiring(self) -> dict[str, Any] | None:
        pilot, paths = self.pilot, self._paths
        p = None if pilot is None else pilot.ltc_parameters
        if pilot is None or paths is None or pilot.wiring is None or p is None:
            return None
        wiring = pilot.wiring
        low, rest, high = time_constant_bounds(p)
        sensory, between = paths.tick.sensory, paths.tick.between
        return {
            'inputs': [
                *(f'feature {k}' for k in range(pilot.specification.features)),
                *IMU_AXES,
            ],
            'neurons': paths.names,
            'roles': [wiring.role(neuron) for neuron in range(wiring.neurons)],
            'sensory': [sensory.sources.tolist(), sensory.targets.tolist()],
            'between': [between.sources.tolist(), between.targets.tolist()],
            'tau_s': [_finite(values) for values in (low, rest, high)],
        }

    def row(self, values: Mapping[str, npt.ArrayLike], trace: Trace | None) -> Float32Array:
        """Return the row of a record.

        Args:
            values: its numbers by name, apart from those of the trace.
            trace: the trace; None: there is none.
        """
        known = dict(values)
        if trace is not None:
            known.update(
                wanted=trace.command,
                gate=trace.gate,
                friction=trace.friction,
                dt=trace.dt_s,
                sequence=trace.sequence,
                imu=trace.imu,
                features=trace.features,
                state=trace.state,
                tau=trace.tau,
                filter_scale=mean_log_ratio(trace.filter_tau, self.filter_tau),
            )
            if self._paths is not None and self.pilot is not None:
                trained = self._paths.tick.time_constants(
                    trace.state, core_inputs(self.pilot, trace)
                )
                known.update(tau_trained=trained, core_scale=mean_log_ratio(trace.tau, trained))
        if self.log_thresholds.size:
            known['thresholds'] = self.log_thresholds
        return self.layout.make(known)

    def compute(self, record: Record, maps: Iterable[Map]) -> dict[str, Block]:
        """Return what is computed of a record for the page.

        Args:
            record: the record.
            maps: the maps of the picture that are asked for.
        """
        blocks: dict[str, Block] = {}
        pilot, paths, row = self.pilot, self._paths, record.row
        if pilot is None:
            return blocks
        by_input: npt.NDArray[np.float64] | None = None
        state = self.layout.read(row, 'state')
        seen = self.layout.read(row, 'features')
        if paths is not None and np.isfinite(state).all() and np.isfinite(seen).all():
            specification = pilot.specification
            imu = self.layout.read(row, 'imu') - np.asarray(specification.imu_mean)
            inputs = np.concatenate([seen, imu / np.asarray(specification.imu_scale)])
            currents = paths.currents(state, inputs)
            sensory, between = paths.tick.sensory, paths.tick.between
            blocks['inputs'] = inputs
            blocks['sensory'] = currents.sensory[sensory.sources, sensory.targets]
            blocks['between'] = currents.between[between.sources, between.targets]
            blocks['leak'] = currents.leak
            if any(command != ALL_COMMANDS for _, command in maps):
                derivatives = self._derivatives(paths, row, inputs)
                # A time step or time constants that no pilot has make none.
                if np.isfinite(derivatives).all():
                    blocks['by_input'] = by_input = derivatives
        if self._pixels is not None and record.picture:
            blocks.update(self._maps(record.picture, maps, by_input))
        return {
            name: block if isinstance(block, bytes) else block.astype(np.float32)
            for name, block in blocks.items()
        }

    def _derivatives(
        self, paths: CorePaths, row: Float32Array, inputs: npt.NDArray[np.floating[Any]]
    ) -> npt.NDArray[np.float64]:
        """Return the derivatives (4, I) of the command of a tick by the inputs of the core."""
        before = self.layout.read(row, 'state_before')
        if not np.isfinite(before).all():
            before = self.layout.read(row, 'state')
        scale = np.log(self.layout.read(row, 'tau') / self.layout.read(row, 'tau_trained'))
        dt_s = float(self.layout.read(row, 'dt')[0])
        return paths.decompose(before, inputs, dt_s, scale).by_input

    def _maps(
        self,
        picture: bytes,
        maps: Iterable[Map],
        by_input: npt.NDArray[np.float64] | None,
    ) -> dict[str, Block]:
        """Return maps of a picture as grey JPEG, by method and command."""
        assert self.pilot is not None and self._pixels is not None
        decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        planes = np.ascontiguousarray(decoded[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)
        planes /= 255.0
        drawn: dict[str, Block] = {}
        for method, command in sorted(maps):
            weights = None
            if command != ALL_COMMANDS:
                if by_input is None:
                    continue
                features = self.pilot.specification.features
                weights = by_input[COMMAND_AXES.index(command), :features]
            saliency = self._pixels.explain(planes, method, weights)
            drawn[f'map:{method}:{command}'] = encode_picture(
                (255.0 * saliency + 0.5).astype(np.uint8)
            )
        return drawn


def mean_log_ratio(values: npt.ArrayLike, trained: npt.ArrayLike) -> float:
    """Return the mean logarithm of the factors on trained values; NaN where they do not fit."""
    one, other = np.ravel(np.asarray(values)), np.ravel(np.asarray(trained))
    if one.size != other.size or not one.size or not (one > 0).all() or not (other > 0).all():
        return math.nan
    return float(np.log(one / other).mean())


def _finite(values: npt.NDArray[Any]) -> list[float | None]:
    """Return numbers for JSON, which has none that are not finite."""
    return [float(value) if math.isfinite(value) else None for value in values]


def _drives(vehicle: str) -> bool:
    try:
        return get_vehicle(vehicle).drives
    except LiquidPilotError:
        return False
