"""Show a pilot a picture for a second, and ask why it turns.

Shows: the exact parts of a command, which add up: what was seen and felt, and the strongest paths
from an input over the neurons to the motor neuron that steers.
Run:   python examples/why_it_turns.py
"""

import numpy as np

import liquid_pilot as lp

YAW_RATE = 3
pilot = lp.load_pilot('forest-ltc')
engine, camera = lp.Engine(pilot), pilot.specification.camera
picture = np.full((camera.height, camera.width, 3), (100, 140, 160), np.uint8)
picture[30:42, 20:32] = (200, 30, 30)  # a red square to the left
image = lp.ImageBuffer(picture.tobytes(), camera.width, camera.height, 3 * camera.width, 'rgb8')

state, ticks = engine.initial_state(), []
first = state.core
for frame in range(20):
    stamp_ns = frame * 50_000_000
    imu = (lp.ImuSample(stamp_ns, (0.0, 0.0, 0.0), (0.0, 0.0, 9.81)),)
    tick = engine.tick(state, lp.Observation(stamp_ns, image, imu))
    ticks.append(lp.CoreTick(tick.core_inputs, tick.dt_s))
    state = tick.state
print(f'yaw rate {tick.command.yaw_rate_rad_s:+.3f} rad/s')

paths = lp.CorePaths(pilot)
parts = paths.decompose_window(first, ticks)
print(f'at rest before an average view: {parts.reference_command[YAW_RATE]:+.3f} rad/s')
by_input = parts.from_inputs[:, YAW_RATE].sum(axis=0)
before = parts.from_state[YAW_RATE].sum()
print(f'picture {by_input[:-6].sum():+.3f}, IMU {by_input[-6:].sum():+.3f}, before {before:+.3f}')
for path in lp.strongest_paths(paths, parts, YAW_RATE, count=3).paths:
    neurons = [paths.names[neuron] for neuron in path.neurons]
    print(f'{path.part:+.2f}  {" -> ".join([paths.input_names[path.source], *neurons])}')
