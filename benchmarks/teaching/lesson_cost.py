"""Time what a lesson adds to a tick, while a hand commands and while none does.

    python benchmarks/teaching/lesson_cost.py [--rounds 300]

In turns, in one thread, for the shipped pilot ('forest-ltc'): a tick of the engine; `turned`, the
three passes of the encoder for pictures that are turned further, in the pilot; `rotation`, the turn
that two pictures tell, in the pilot; `observe`, one tick of each lesson, in the adaptation node;
and `aimed`, a tick with an accepted aim. Pictures are views of a random scene that passes by. Each
as the median in milliseconds (`ms`), and as the median of its ratio to the tick of the same round
(`of_a_tick`). The last line printed is one JSON object.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np

from liquid_pilot import load_pilot
from liquid_pilot.interfaces import ImageBuffer, ImuSample, Observation
from liquid_pilot.onboard.inference.correction import TrustRegion, no_correction
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.perception.camera_mount import CameraMount
from liquid_pilot.onboard.perception.picture_rotation import PictureRotation
from liquid_pilot.onboard.teaching.lesson import LessonTick
from liquid_pilot.onboard.teaching.registry import make_lesson
from liquid_pilot.onboard.teaching.settings import LESSONS, TeachingSettings


def observation(scene: np.ndarray, stamp_ns: int, width: int, height: int) -> Observation:
    """Return a view of a scene that passes by, and a sample of the IMU."""
    left = stamp_ns // 25_000_000 % (scene.shape[1] - width)
    pixels = np.ascontiguousarray(scene[:height, left : left + width]).tobytes()
    image = ImageBuffer(pixels, width, height, 3 * width, 'rgb8')
    return Observation(stamp_ns, image, (ImuSample(stamp_ns, (0.0, 0.0, 0.1), (0.0, 0.0, 9.8)),))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long a call takes, in milliseconds, and its result."""
    began_s = time.perf_counter()
    result = work()
    return 1e3 * (time.perf_counter() - began_s), result


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--rounds', type=int, default=300)
    rounds = parser.parse_args(arguments).rounds
    pilot, rng = load_pilot('forest-ltc'), np.random.default_rng(1)
    rotation = PictureRotation(pilot.specification.camera)
    plain, aimed = Engine(pilot, watch_picture=rotation.add_picture), Engine(pilot)
    aim = no_correction(plain.core.neurons, plain.core.motors)._replace(aim=CameraMount(0.1))
    aimed.teach(aim, TrustRegion())
    lessons = {name: make_lesson(pilot, TeachingSettings(lesson=name)) for name in LESSONS}
    for engine in (plain, aimed):
        engine.warm_up()
    camera, states = pilot.specification.camera, [plain.initial_state(), aimed.initial_state()]
    coarse = rng.integers(0, 255, (camera.height // 3, camera.width, 3), np.uint8)
    scene = cv2.resize(coarse, (3 * camera.width, camera.height), interpolation=cv2.INTER_CUBIC)
    rows: dict[str, list[float]] = {}
    for k in range(1, rounds + 1):
        seen = observation(scene, 50_000_000 * k, camera.width, camera.height)
        spent, tick = timed(partial(plain.tick, states[0], seen))
        rows.setdefault('tick', []).append(spent)
        spent, turned = timed(partial(plain.turned_inputs, tick))
        rows.setdefault('turned', []).append(spent)
        spent, turn_rad = timed(rotation.turn_rad)
        rows.setdefault('rotation', []).append(spent)
        spent, other = timed(partial(aimed.tick, states[1], seen))
        rows.setdefault('aimed', []).append(spent)
        states = [tick.state, other.state]
        taught = LessonTick(
            tick.dt_s,
            tick.core_inputs,
            plain.core.neuron_states(tick.state.core),
            tick.core_output,
            tick.core_output + 0.1,
            turned_inputs=turned,
            rates_rad_s=tick.imu[:3],
            picture_rates_rad_s=None if turn_rad is None else turn_rad / tick.dt_s,
            flown=np.array(tick.command.values),
        )
        for name, lesson in lessons.items():
            spent, _ = timed(partial(lesson.observe, taught))
            rows.setdefault(f'observe {name}', []).append(spent)
    kept = {name: np.array(times[rounds // 10 :]) for name, times in rows.items()}
    content = {
        name: {
            'ms': round(float(np.median(times)), 3),
            'of_a_tick': round(float(np.median(times / kept['tick'])), 3),
        }
        for name, times in kept.items()
    }
    for name, row in content.items():
        print(f'{name:>24}  {row["ms"]:7.3f} ms  {row["of_a_tick"]:6.2f} of a tick')
    print(json.dumps(content))


if __name__ == '__main__':
    main()
