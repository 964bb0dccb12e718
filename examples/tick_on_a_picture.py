"""Load the pilot that comes with the package, show it one picture and read its command.

Shows: pilot files, the engine, and which time constants the liquid core has after the tick.
Run:   python examples/tick_on_a_picture.py [PILOT]
"""

import sys

import numpy as np

import liquid_pilot as lp

pilot = lp.load_pilot(sys.argv[1] if len(sys.argv) > 1 else 'forest-ltc')
engine = lp.Engine(pilot)
camera = pilot.specification.camera

# Green below, blue above, and a red square to the left.
picture = np.empty((camera.height, camera.width, 3), np.uint8)
picture[: camera.height // 2], picture[camera.height // 2 :] = (120, 160, 220), (80, 110, 60)
picture[30:42, 20:32] = (200, 30, 30)
image = lp.ImageBuffer(picture.tobytes(), camera.width, camera.height, 3 * camera.width, 'rgb8')
level_and_still = ((0.0, 0.0, 0.0), (0.0, 0.0, 9.81))

state = engine.initial_state()
for frame in range(10):
    stamp_ns = frame * 50_000_000
    imu = (lp.ImuSample(stamp_ns, *level_and_still),)
    tick = engine.tick(state, lp.Observation(stamp_ns, image, imu))
    state = tick.state
command = tick.command
print(f'{pilot.specification.name}: {camera.width} x {camera.height} pixels')
print(f'forward {command.forward_m_s:.2f} m/s, left {command.left_m_s:.2f} m/s')
print(f'up {command.up_m_s:.2f} m/s, yaw rate {command.yaw_rate_rad_s:.2f} rad/s')
tau_s = engine.time_constants(tick)
print(f'time constants {1e3 * tau_s.min():.1f} to {1e3 * tau_s.max():.0f} ms, {tau_s.size} neurons')
