"""Every program of examples/ runs as its first lines say, and does what they say."""

import ast
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import ros_domain

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / 'examples'
PROGRAMS = sorted(path.name for path in EXAMPLES.glob('*.py'))
ENVIRONMENT = {
    **os.environ,
    'PYTHONPATH': str(ROOT),
    'OMP_NUM_THREADS': '1',
    'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    'ROS_DOMAIN_ID': str(ros_domain.reserve()),
    'FASTRTPS_DEFAULT_PROFILES_FILE': str(ROOT / 'config' / 'fastdds.xml'),
    'FASTDDS_DEFAULT_PROFILES_FILE': str(ROOT / 'config' / 'fastdds.xml'),
}


def run(name, *arguments):
    """Run a program; the lines that it printed."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        env=ENVIRONMENT,
        cwd='/',
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def numbers(line):
    """Return the numbers of a line."""
    return [float(text) for text in re.findall(r'[-+]?\d+(?:\.\d+)?', line)]


@pytest.mark.parametrize('name', PROGRAMS)
def test_it_is_short_on_the_public_face_and_says_how_to_run_it(name):
    text = (EXAMPLES / name).read_text()
    assert 15 <= len(text.splitlines()) <= 40
    tree = ast.parse(text)
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = [node.module]
        assert not [module for module in modules if module.startswith('liquid_pilot.')]
    header = ast.get_docstring(tree)
    assert 'Shows: ' in header and f'Run:   python examples/{name}' in header
    assert f'({name})' in (EXAMPLES / 'README.md').read_text()


def test_every_program_has_a_test():
    tests = Path(__file__).read_text()
    assert len(PROGRAMS) >= 6
    assert [name for name in PROGRAMS if f"'{name}'" not in tests] == []


@pytest.mark.slow
def test_the_trained_core_uses_the_elapsed_time():
    before, real, mean = (numbers(line)[-1] for line in run('ltc_irregular_sine.py'))
    assert before > 0.3
    assert real < 0.1
    assert mean > 2.0 * real


def test_a_derivative_agrees_with_a_finite_difference():
    first, _, _, difference = run('time_constant_gradients.py')
    assert numbers(first)[0] == numbers(difference)[0]
    assert numbers(first)[-1] == pytest.approx(numbers(difference)[-1], rel=0.02)
    assert abs(numbers(first)[-1]) > 1e-3


def test_the_pilot_turns_to_the_red_square():
    first, forward, turn, tau = run('tick_on_a_picture.py')
    assert first == 'forest-ltc: 128 x 72 pixels'
    assert 0.5 < numbers(forward)[0] < 2.5
    assert numbers(turn)[1] > 0.2, 'the square is to the left: a positive yaw rate'
    low_ms, high_ms, neurons = numbers(tau)
    assert 0.0 < low_ms < high_ms < 5000.0 and neurons == 34


def test_the_parts_of_a_turn_add_up_to_it():
    turn, rest, parts, *paths = run('why_it_turns.py')
    assert numbers(turn)[0] > 0.2, 'the square is to the left: a positive yaw rate'
    assert numbers(rest)[0] + sum(numbers(parts)) == pytest.approx(numbers(turn)[0], abs=0.003)
    assert len(paths) == 3
    for line in paths:
        assert re.fullmatch(
            r'[-+]0\.\d\d  \S+ \S+ -> inter \d+ -> command \d+ -> motor yaw rate', line
        )


def test_the_guard_bounds_smooths_and_stops():
    lines = run('guard_by_hand.py')
    assert lines[1] == 'engaged'
    sent = [float(re.search(r'-> +(-?[\d.]+) m/s', line)[1]) for line in lines if '->' in line]
    assert sent[0] == 0.0
    assert sent[1:6] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    # After NaN it slews from the safe command, in the 0.05 s since then.
    assert sent[6:] == pytest.approx([0.0, 0.4, 0.0, 0.0])
    assert 'not finite' in lines[7]
    assert 'no good command for 0.5 s' in lines[9]
    assert 'stopped' in lines[10]


def test_the_policy_of_four_lines_reaches_the_chair():
    lines = run('fly_gym_env.py', 3)
    outcomes = [re.match(r'forest (\d): (\w+), reward', line).groups() for line in lines]
    assert [seed for seed, _ in outcomes] == ['0', '1', '2']
    assert [outcome for _, outcome in outcomes].count('success') >= 2


@pytest.mark.slow
def test_two_pilots_are_compared_on_the_same_forests():
    frozen, adapting, pair = run('evaluate_two_pilots.py', 2, 1)
    assert frozen.startswith('forest-ltc in snow:4: ') and ' of 2 succeed' in frozen
    assert adapting.startswith('forest-ltc+adapt in snow:4: ') and ' of 2 succeed' in adapting
    only_first, only_second = numbers(pair)
    successes = [numbers(re.search(r': (\d) of', line)[1])[0] for line in (frozen, adapting)]
    assert successes[0] - successes[1] == only_first - only_second


def test_a_learner_of_its_own_slows_the_temporal_filter_in_noise():
    flight, filter_line = run('learner_of_your_own.py', 3)
    assert flight.startswith('success after ')
    assert 1.5 < numbers(filter_line)[0] < 9.0


@pytest.mark.slow
def test_the_page_about_a_node_in_between_has_the_code_of_the_example():
    page = (ROOT / 'docs' / 'how_to' / 'own_node.md').read_text()
    code = (EXAMPLES / 'dehaze_node.py').read_text()
    assert f'```python title="dehaze_node.py"\n{code}```\n' in page
    assert '--camera-topic camera/image_dehazed' in page


@pytest.mark.slow
def test_a_node_between_camera_and_pilot_flies_in_lock_step(tmp_path):
    pytest.importorskip('rclpy')
    node = subprocess.Popen(
        [sys.executable, EXAMPLES / 'dehaze_node.py'],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        flight = subprocess.run(
            [
                sys.executable,
                *('-m', 'liquid_pilot.cli', 'fly', '--missions', '1', '--headless'),
                *('--camera-topic', 'camera/image_dehazed', '--condition', 'contrast:2'),
                *('--out', tmp_path / 'run'),
            ],
            env=ENVIRONMENT,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=150,
        )
    finally:
        node.send_signal(signal.SIGINT)
        _, errors = node.communicate(timeout=20)
    assert node.returncode == 0, errors
    assert flight.returncode == 0, flight.stdout + flight.stderr
    assert '1 of 1 missions succeeded' in flight.stdout


def test_the_still_camera_gives_fresh_frames_of_the_picture_in_the_field_of_view_of_the_pilot(
    tmp_path,
):
    rclpy = pytest.importorskip('rclpy')
    import cv2
    from rclpy.executors import SingleThreadedExecutor
    from sensor_msgs.msg import CameraInfo, Image

    cv2.imwrite(str(tmp_path / 'red.png'), np.full((30, 40, 3), (0, 0, 200), np.uint8))
    camera = subprocess.Popen(
        [sys.executable, EXAMPLES / 'still_camera.py', tmp_path / 'red.png'],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )
    context, images, infos = rclpy.Context(), [], []
    rclpy.init(context=context, domain_id=int(ENVIRONMENT['ROS_DOMAIN_ID']))
    node = rclpy.create_node('reader', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    node.create_subscription(Image, 'camera/image_raw', images.append, 10)
    node.create_subscription(CameraInfo, 'camera/camera_info', infos.append, 10)
    try:
        for _ in range(600):
            executor.spin_once(timeout_sec=0.1)
            if len(images) > 3 and infos:
                break
    finally:
        camera.send_signal(signal.SIGINT)
        _, errors = camera.communicate(timeout=20)
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
    assert camera.returncode == 0, errors
    first, second, *_ = images
    assert bytes(first.data[:3]) == bytes((0, 0, 200)) and first.encoding == 'bgr8'
    assert len(first.data) == first.height * first.step == 144 * 3 * 256
    assert (first.header.stamp.sec, first.header.stamp.nanosec) < (
        second.header.stamp.sec,
        second.header.stamp.nanosec,
    )
    # 52 degrees high, as those of forest-ltc.
    assert infos[0].k[4] == pytest.approx(72.0 / math.tan(math.radians(26.0)), rel=1e-3)
