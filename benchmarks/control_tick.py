"""Time one control tick, VGA frame in and command out, against torch + ncps.

    python benchmarks/control_tick.py [--pilot forest-ltc] [--ticks 2000] [--quick]

Both sides get the same 640 x 480 rgb8 frames and IMU samples, use the same preprocessing (this
package's), the same encoder weights, the same liquid weights and the same elapsed times, on one
thread each; that they give the same commands is checked first, over 50 ticks. The one side is
`onboard.inference.engine.Engine`, which flies. The other is what one would write with torch and
ncps: the encoder of `learning.models.encoder`, then `ncps.torch.LTC`, in inference mode.

They take turns by rounds of 20 ticks. `p50_us` and `p99_us` are of this package's ticks,
`ratio_vs_torch_ncps` is the quotient of the medians. `cold_p50_us` is the median of first ticks:
each comes after 50 ms of idleness, as between two frames at 20 Hz, and a sweep over 64 MiB that
leaves nothing of the pilot in the processor's caches. `parts_p50_us` says where the time goes;
`sensor_checks` are those of the pilot node, which the tick of the engine does not contain.
The last line printed is one JSON object.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')

import argparse
import json
import sys
import time
from collections.abc import Callable

import ncps.torch
import ncps.wirings
import numpy as np
import onnx
import torch
from onnx import numpy_helper

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    ImageBuffer,
    ImuSample,
    Observation,
    ObservationError,
)
from liquid_pilot.learning.models.encoder import Encoder
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.nodes.common.sensors.sensor_checks import SensorChecks
from liquid_pilot.onboard.inference.encoder import Encoder as OnnxEncoder
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.pilot_file import PilotFile

WIDTH, HEIGHT = 640, 480
PERIOD_NS = 50_000_000
ROUND = 20
IDLE_S = 0.05
SWEEP_BYTES = 64 << 20
_POSITIVE = ('gleak', 'cm', 'w', 'sensory_w')


class TorchNcps:
    """The pilot, built of torch and ncps."""

    def __init__(self, pilot: PilotFile) -> None:
        specification = pilot.specification
        self.camera = specification.camera
        self._preprocess = Preprocessor(self.camera)
        self._encoder = torch_encoder(pilot)
        self._core = ncps_core(pilot)
        self._mean = np.asarray(specification.imu_mean)
        self._scale = np.asarray(specification.imu_scale)
        self._command_scale = torch.tensor(specification.command_scale)
        self._first_dt_s = 1.0 / specification.rate_hz
        self._bounds_s = (specification.dt_min_s, specification.dt_max_s)
        self.reset()

    def reset(self) -> None:
        """Return to the state before the first frame."""
        self._state: torch.Tensor | None = None
        self._last_ns: int | None = None

    def tick(self, observation: Observation) -> list[float]:
        """Return forward, left, up and yaw rate."""
        stamp_ns = observation.stamp_ns
        dt_s = (
            self._first_dt_s
            if self._last_ns is None
            else min(max((stamp_ns - self._last_ns) * 1e-9, self._bounds_s[0]), self._bounds_s[1])
        )
        self._last_ns = stamp_ns
        rows = [
            (*s.angular_velocity_flu_rad_s, *s.specific_force_flu_m_s2) for s in observation.imu
        ]
        imu = ((np.mean(rows, axis=0) - self._mean) / self._scale).astype(np.float32)
        with torch.inference_mode():
            features = self._encoder(torch.from_numpy(self._preprocess(observation.image)))
            inputs = torch.cat([features, torch.from_numpy(imu)[None]], dim=1)
            output, self._state = self._core(
                inputs[:, None], self._state, timespans=torch.tensor([[dt_s]])
            )
            return (output[0, 0] * self._command_scale).tolist()


def torch_encoder(pilot: PilotFile) -> Encoder:
    """Return the torch module with the weights of the pilot's encoder.onnx."""
    camera, features = pilot.specification.camera, pilot.specification.features
    graph = onnx.load_model_from_string(pilot.encoder).graph
    weights = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
    }
    encoder = Encoder(camera.height, camera.width, features)
    # The exporter has folded exp(log_sharpness)[:, None] into one constant.
    weights['log_sharpness'] = weights['unsqueeze'][:, 0].log()
    encoder.load_state_dict({name: weights[name] for name in encoder.state_dict()})
    return encoder.eval()


def ncps_core(pilot: PilotFile) -> ncps.torch.LTC:
    """Return `ncps.torch.LTC` with the pilot's wiring and weights."""
    wired = ncps.wirings.Wiring(pilot.wiring.neurons)
    wired.build(pilot.wiring.inputs)
    wired.set_output_dim(pilot.wiring.motors)
    wired.adjacency_matrix = pilot.wiring.polarity.astype(np.int32)
    wired.sensory_adjacency_matrix = pilot.wiring.sensory_polarity.astype(np.int32)
    core = ncps.torch.LTC(pilot.wiring.inputs, wired, ode_unfolds=pilot.specification.unfolds)
    cell = core.rnn_cell
    with torch.no_grad():
        for name, parameter in cell._params.items():
            if name.endswith('sparsity_mask'):
                continue
            value = torch.from_numpy(getattr(pilot.parameters, name))
            if name in _POSITIVE:
                # ncps applies a softplus to these. Where there is no synapse, its mask counts.
                value = value.double().clamp(min=1e-12).expm1().log().float()
            parameter.copy_(value)
    return core.eval()


def observations(count: int, seed: int = 0) -> list[Observation]:
    """Return observations of 8 smooth random frames, in turn, with five IMU samples each."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(8):
        coarse = rng.integers(0, 256, (HEIGHT // 20, WIDTH // 20, 3), dtype=np.uint8)
        rgb = np.ascontiguousarray(coarse.repeat(20, axis=0).repeat(20, axis=1))
        frames.append(ImageBuffer(rgb.tobytes(), WIDTH, HEIGHT, 3 * WIDTH, 'rgb8'))
    stamps = 1_000_000_000 + PERIOD_NS * np.arange(count)
    return [
        Observation(
            int(stamp),
            frames[k % 8],
            tuple(
                ImuSample(int(stamp), (*rng.normal(0, 0.3, 3),), (*rng.normal((0, 0, 9.81), 0.5),))
                for _ in range(5)
            ),
        )
        for k, stamp in enumerate(stamps)
    ]


class Timed:
    """Times one side; durations in microseconds."""

    def __init__(self, tick: Callable[[Observation], object]) -> None:
        self._tick = tick
        self.warm: list[float] = []
        self.cold: list[float] = []

    def __call__(self, observation: Observation, into: list[float]) -> None:
        """Time one tick and append its duration to a list."""
        before = time.perf_counter_ns()
        self._tick(observation)
        into.append((time.perf_counter_ns() - before) * 1e-3)


def make_encoder(pilot: PilotFile) -> OnnxEncoder:
    """Return the pilot's encoder by itself."""
    specification = pilot.specification
    camera = specification.camera
    return OnnxEncoder(pilot.encoder, camera.height, camera.width, specification.features)


def parts(engine: Engine, seen: list[Observation]) -> dict[str, float]:
    """Return the median microseconds of the stages of the engine, each called by itself."""
    state, image = engine.initial_state(), seen[0].image
    stages = engine.stages
    encoder = make_encoder(engine.pilot)
    picture = stages.preprocess(image)
    tick = engine.tick(state, seen[0])
    inputs = tick.core_inputs
    checks, now_s = SensorChecks(PilotParameters()), 0.0

    def check_sensors() -> None:
        nonlocal now_s
        now_s += PERIOD_NS / NANOSECONDS_PER_SECOND
        checks.on_guard({'state': 'engaged'}, now_s)
        checks.on_picture(picture)
        try:
            checks.check_imu(seen[0].imu, now_s)
            checks.check_tick(tick, now_s)
        except ObservationError:
            # The picture and the IMU are the same each time.
            checks.reset()

    jobs = {
        'sensor_checks': check_sensors,
        'preprocess': lambda: stages.preprocess(image),
        'encoder': lambda: encoder(picture),
        'core': lambda: engine.core.step(state.core, inputs, 0.05),
    }
    found = {}
    for name, job in jobs.items():
        durations = []
        for _ in range(300):
            before = time.perf_counter_ns()
            job()
            durations.append(time.perf_counter_ns() - before)
        found[name] = round(float(np.median(durations)) * 1e-3, 1)
    return found


def measure(pilot: PilotFile, ticks: int, cold_ticks: int) -> dict:
    """Return all figures.

    Args:
        pilot: the pilot.
        ticks: number of warm ticks of each side.
        cold_ticks: number of first ticks after idleness.

    Raises:
        RuntimeError: the two sides do not give the same commands.
    """
    torch.set_num_threads(1)
    engine, other = Engine(pilot), TorchNcps(pilot)
    engine.warm_up()
    state = engine.initial_state()

    def ours(observation: Observation) -> list[float]:
        nonlocal state
        tick = engine.tick(state, observation)
        state = tick.state
        return list(tick.command.values)

    seen = observations(max(ticks, 200) + cold_ticks + 50)
    largest = max(
        float(np.abs(np.subtract(ours(entry), other.tick(entry))).max()) for entry in seen[:50]
    )
    if largest > 1e-3:
        raise RuntimeError(f'the two sides differ by {largest}: they are not the same pilot')
    state = engine.initial_state()
    other.reset()
    sides = [Timed(ours), Timed(other.tick)]
    started = time.monotonic()
    for first in range(0, ticks, ROUND):
        for side in sides:
            for entry in seen[first : first + ROUND]:
                side(entry, side.warm)
        _progress('warm', first + ROUND, ticks, started)
    sweep = np.ones(SWEEP_BYTES, np.uint8)
    for k in range(cold_ticks):
        for side in sides:
            time.sleep(IDLE_S)
            sweep += 1
            side(seen[ticks + k], side.cold)
        _progress('cold', k + 1, cold_ticks, started)
    print(file=sys.stderr)
    mine, theirs = sides
    # The first round warms up caches and branch prediction: it is left out.
    warm = [np.array(side.warm[min(ROUND, len(side.warm) // 2) :]) for side in sides]
    cold = [float(np.median(side.cold)) for side in sides]
    return {
        'ratio_vs_torch_ncps': round(float(np.median(warm[1]) / np.median(warm[0])), 2),
        'p50_us': round(float(np.median(warm[0])), 1),
        'p99_us': round(float(np.percentile(warm[0], 99)), 1),
        'cold_p50_us': round(cold[0], 1),
        'torch_ncps_p50_us': round(float(np.median(warm[1])), 1),
        'torch_ncps_p99_us': round(float(np.percentile(warm[1], 99)), 1),
        'torch_ncps_cold_p50_us': round(cold[1], 1),
        'cold_ratio': round(cold[1] / cold[0], 2),
        'parts_p50_us': parts(engine, seen),
        'largest_command_difference': float(f'{largest:.2g}'),
        'ticks': len(mine.warm),
        'cold_ticks': len(theirs.cold),
        'pilot': pilot.digest[:12],
    }


def _progress(stage: str, done: int, of: int, started_s: float) -> None:
    if sys.stderr.isatty() or done >= of:
        print(
            f'\r{stage} {min(done, of)}/{of}  {time.monotonic() - started_s:.0f} s ',
            end='',
            file=sys.stderr,
            flush=True,
        )


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--pilot', default='forest-ltc', help='a liquid pilot')
    parser.add_argument('--ticks', type=int, default=2000, help='warm ticks of each side')
    parser.add_argument('--cold-ticks', type=int, default=100, help='cold ticks of each side')
    parser.add_argument('--quick', action='store_true', help='few ticks, for a test')
    parsed = parser.parse_args(arguments)
    ticks, cold = (100, 5) if parsed.quick else (parsed.ticks, parsed.cold_ticks)
    pilot = pilot_file.load(pilot_file.resolve(parsed.pilot))
    print(json.dumps(measure(pilot, ticks, cold)))


if __name__ == '__main__':
    main()
