"""What cannot work is refused before anything starts: by one line, with exit code 2."""

import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest

from liquid_pilot.cli import fly, main
from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.nodes.launch.flight_options import FlyOptions

LINE = re.compile(r'liquid-pilot( [a-z-]+)?: error: [^\n]+\n')
MISSING = '/proc/nowhere'
"""A folder that nobody can make, root neither."""


def refusal(capsys, *words):
    """The line by which a command refuses, and that it did nothing else."""
    try:
        code = main.main([str(word) for word in words])
    except SystemExit as ended:
        code = ended.code
    captured = capsys.readouterr()
    assert (code, captured.out) == (main.REFUSED, ''), captured
    assert LINE.fullmatch(captured.err), captured.err
    return captured.err


def demonstrations(folder, vehicle='quadrotor', width=64, height=36):
    """A folder that says it holds demonstrations, with files that are not read."""
    folder.mkdir()
    camera = CameraGeometry.from_vertical_fov(width, height, 1.0)
    dataset_index.write_index(folder, camera, 20.0, vehicle, {})
    for seed in range(3):
        (folder / f'{seed}.npz').touch()
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with what users name by mistake; it must stay as it is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'notes.txt').touch()
    (tmp_path / 'file').write_text('text\n')
    (tmp_path / 'broken.yaml').write_text('a: [')
    (tmp_path / 'deep.yaml').write_text(1000 * '[')
    (tmp_path / 'date.yaml').write_text('a: 2020-13-45\n')
    (tmp_path / 'loop').symlink_to('loop')
    (tmp_path / 'rover.yaml').write_text('vehicle: rover\n')
    (tmp_path / 'bag').mkdir()
    (tmp_path / 'bag' / 'x.mcap').touch()
    (tmp_path / 'link').symlink_to('gone')
    os.mkfifo(tmp_path / 'pipe')
    demonstrations(tmp_path / 'forest')
    demonstrations(tmp_path / 'road', 'rover')
    demonstrations(tmp_path / 'wide', width=128)
    before = sorted(path.name for path in tmp_path.rglob('*'))
    yield tmp_path
    assert sorted(path.name for path in tmp_path.rglob('*')) == before


CASES = [
    ('fly --missions 0', '--missions must be at least 1, not 0'),
    ('fly --seed -1', '--seed must be at least 0, not -1'),
    ('fly --seed much', "--seed must be a whole number, not 'much'"),
    ('fly --simulator webots', '--simulator must be one of mujoco, gazebo, scene, none'),
    ('fly --pilot nope', "--pilot: there is no pilot 'nope': neither a folder nor"),
    ('fly --pilot empty', '--pilot: empty/pilot.json: is missing'),
    ('fly --pilot road-ltc', 'is trained for a rover, not for a quadrotor; set --vehicle rover'),
    ('fly --vehicle rover --pilot forest-ltc', 'set --vehicle quadrotor, or choose another'),
    ('fly --condition patches:3', '--condition: the world of a quadrotor has no patches'),
    ('fly --condition snow:9', 'snow: severity is 1 to 5, not 9'),
    ('fly --condition snow=99', '--condition: snow: strength must lie in'),
    ('fly --condition=', 'a condition is empty: write clear'),
    ('fly --out file', 'file is not a folder; choose another one'),
    ('fly --out loop', "--out: 'loop' is no path (Symlink loop"),
    ('fly --out file/x', 'file is not a folder; choose another one'),
    (f'fly --out {MISSING}', f'--out: {MISSING} cannot be written ('),
    ('fly --out ' + 300 * 'x', 'cannot be used (File name too long)'),
    ('fly --params-file gone.yaml', '--params-file: there is no file gone.yaml'),
    ('fly --params-file empty', '--params-file: empty is a folder; name a file'),
    ('fly --params-file broken.yaml', '--params-file: broken.yaml cannot be read as YAML'),
    ('fly --params-file file', '--params-file: file holds no parameters; copy config/fly.yaml'),
    ('fly --params-file deep.yaml', '--params-file: deep.yaml cannot be read as YAML'),
    ('fly --params-file date.yaml', '--params-file: date.yaml cannot be read as YAML (month must'),
    ('fly --params-file rover.yaml', '--params-file: rover.yaml: /vehicle is no node, because'),
    ('fly --params-file ~nobody-of-that-name/x', 'there is no file ~nobody-of-that-name/x'),
    ('fly --pilot ~nobody-of-that-name/x', "--pilot: there is no pilot '~nobody-of-that-name/x'"),
    ('fly --pilot ' + 300 * 'x', "--pilot: there is no pilot 'xxx"),
    ('fly --namespace 1a', "--namespace '1a' is not valid"),
    ('fly --camera-topic x/', "--camera-topic 'x/' is not the name of a topic"),
    (
        'fly --simulator none --missions 5 --condition snow:3',
        'no use for --missions 5 and --condition snow:3; leave that out, or use a simulator',
    ),
    ('fly --simulator none --realtime', '--simulator none runs no missions'),
    ('fly --simulator none --no-bridge', 'no use for --no-bridge; leave that out'),
    ('fly --gui', '--simulator mujoco has no use for --gui; leave that out, or set --simulator'),
    ('fly --no-bridge', '--simulator mujoco has no use for --no-bridge'),
    ('fly --adapter px4', 'leave --adapter out, or set --simulator none for a vehicle'),
    ('fly --demonstrate --pilot road-ltc', '--pilot road-ltc would not steer: with --demonstrate'),
    ('fly --demonstrate --simulator none', '--demonstrate needs the embedded simulator'),
    ('evaluate nope', "there is no pilot 'nope'"),
    ('inspect ~nobody-of-that-name/x', 'there is no pilot'),
    ('inspect ' + 5000 * 'y/', 'there is no pilot'),
    ('evaluate forest-ltc road-ltc', 'these pilots are of several vehicles (quadrotor, rover)'),
    ('evaluate forest-ltc forest-ltc', 'forest-ltc is named twice'),
    ('evaluate forest-ltc+adapt:height=3', 'no setting height; there is: '),
    ('evaluate forest-ltc+adapt:rule=magic', "unknown learner 'magic'"),
    ('evaluate --conditions hail:3', "--conditions: no condition named 'hail'"),
    ('evaluate --conditions patches:3', 'the world of a quadrotor has no patches'),
    ('evaluate road-ltc --conditions snow:1-5,target:3', 'the world of a rover has no target'),
    ('evaluate --conditions=', '--conditions: a condition is empty: write clear'),
    ('evaluate --conditions snow:3,', '--conditions: a condition is empty'),
    ('evaluate road-ltc --adapter attitude_thrust', 'is not for a rover, which takes cmd_vel'),
    ('evaluate --missions 0', '--missions must be at least 1'),
    ('evaluate --workers two', "--workers must be a whole number, not 'two'"),
    ('evaluate --out file', '--out: file is not a folder'),
    (f'evaluate --out {MISSING}', f'--out: {MISSING} cannot be written ('),
    ('evaluate --out link', '--out: link is a link to something that is not there'),
    ('evaluate --out=', '--out is empty; name a path'),
    ('demonstrate --out d --pilot road-ltc', 'is a pilot of a rover, and the flight is of a'),
    ('demonstrate --out d --pilot nope', '--pilot: there is no pilot'),
    ('demonstrate --out d --conditions patches:3', '--conditions: the world of a quadrotor has'),
    ('demonstrate --out d --vehicle boat', '--vehicle must be one of quadrotor, rover'),
    ('demonstrate --out d --episodes 1', '--episodes must be at least 2'),
    (f'demonstrate --out {MISSING}', f'--out: {MISSING} cannot be written ('),
    ('demonstrate --out road', 'road holds demonstrations of other settings'),
    (f'train --out {MISSING}', f'--out: {MISSING} cannot be written ('),
    ('train --out t --demonstrations gone', '--demonstrations: there is no folder gone'),
    ('train --out t --demonstrations file', '--demonstrations: file is not a folder'),
    ('train --out t --demonstrations empty', 'empty: has no dataset.json; make one'),
    ('train --out t --demonstrations forest road', "vehicle is 'rover', that of forest"),
    (
        'train --out t --demonstrations forest --set vehicle=boat',
        'the settings say vehicle boat, and forest is of a quadrotor; leave vehicle out',
    ),
    (
        'train --out t --dataset forest --config rover.yaml',
        'the settings say vehicle rover, and forest is of a quadrotor',
    ),
    (
        'train --out t --set vehicle=boat',
        "error: no vehicle named 'boat' in simulation; there is: ",
    ),
    ('train --out t --config broken.yaml', 'broken.yaml: cannot be read as YAML'),
    ('train --out t --config pipe', '--config: pipe is not a regular file'),
    ('train --out t --config empty', '--config: empty is a folder; name a file'),
    ('train --out t --set seed=x', "--set: seed must be a whole number, not 'x'"),
    ('train --out t --from nope', '--from: there is no pilot'),
    ('train --out t --from road-ltc', 'is a pilot of a rover, and this training is of a quadrotor'),
    ('train --out t --from forest-ltc --demonstrations wide', 'wide holds 128x36; prepare'),
    ('train --out t --from forest-ltc --encoder empty', '--from brings an encoder of its own'),
    ('train --out t --encoder empty', 'empty: holds no encoder; give the --out of a'),
    ('train --out t --encoder gone', '--encoder: there is no folder gone'),
    ('train --out t --device gpu', "--device must be cpu, cuda or cuda:N, not 'gpu'"),
    ('train --out t --bags bag', '--bags needs the YAML mapping of their topics'),
    ('train --out t --dataset gone', '--dataset: there is no file gone'),
    ('train --out t --set recall=1', 'recall is for whole episodes of simulated'),
    ("record --out r --image 'bad topic'", "--image 'bad topic' is not the name of a topic"),
    ('record --out r --topic 3x', "--topic '3x' is not the name of a topic"),
    ('record --out other', '--out: other is not empty; choose another folder'),
    (f'record --out {MISSING}', f'--out: {MISSING} cannot be written ('),
    ('dataset gone --config rover.yaml --out d', 'BAG: there is no file gone'),
    ('dataset empty --config rover.yaml --out d', 'BAG: empty holds no bag'),
    ('dataset file --config rover.yaml --out d', 'BAG: file is no bag'),
    ('dataset bag --config gone --out d', '--config: there is no file gone'),
    ('dataset bag --config broken.yaml --out d', 'broken.yaml: cannot be read as YAML'),
    (f'dataset bag --config rover.yaml --out {MISSING}', f'--out: {MISSING} cannot be written'),
    ('dataset bag --config rover.yaml --out d --size 9x4', '--size 9x4: expected WxH'),
    ('fit-statistics road-ltc forest --out s', 'is a pilot of a rover, and forest is of a'),
    ('fit-statistics forest-ltc wide --out s', 'sees 128x72 pixels, wide holds 128x36'),
    ('fit-statistics forest-ltc gone --out s', 'DIR: there is no folder gone'),
    ('export-world --seed 1.5', '--seed must be a whole number'),
    ('export-world --condition snow:3', 'condition snow: here Gazebo draws the picture'),
    ('export-world --condition=', '--condition: a condition is empty'),
    ('export-world --vehicle rover --condition target:3', 'the world of a rover has no target'),
    ('export-world --out file', '--out: file is not a folder'),
    (f'export-world --out {MISSING}', f'--out: {MISSING} cannot be written ('),
    ('import-ncps gone --out c.safetensors', 'FILE: there is no file gone'),
    ('import-ncps file --out c.bin', '--out: the name of c.bin must end in .safetensors'),
    ('import-ncps file --out other --pilot forest-ltc', 'other holds something other than a pilot'),
    ('import-ncps file --out c.safetensors --unfolds 65', '--unfolds must be at most 64'),
    ('import-ncps file --out c.safetensors --time-unit-s 0', '--time-unit-s must lie in'),
    ('inspect nope', "there is no pilot 'nope'"),
    ('inspect empty', 'empty/pilot.json: is missing'),
    ('inspect forest-ltc --plot x.jpg', '--plot: the name of x.jpg must end in .png'),
    ('inspect forest-ltc --plot /proc/x.png', '--plot: /proc cannot be written ('),
]


@pytest.mark.parametrize(('line', 'words'), CASES, ids=[line[:60] for line, _ in CASES])
def test_it_is_refused_in_one_line_and_nothing_is_written(line, words, place, capsys, monkeypatch):
    command = main.load_command(line.split()[0])
    monkeypatch.setattr(command, 'run', lambda arguments: pytest.fail('it has started'))
    said = refusal(capsys, *shlex.split(line))
    assert words in said
    assert said.startswith(f'liquid-pilot {line.split()[0]}: error: ')
    assert ':=' not in said  # the command line does not speak as launch does


def test_gazebo_that_is_not_installed_is_said_at_once(place, capsys, monkeypatch):
    monkeypatch.setenv('PATH', str(place))
    assert 'Gazebo is not installed' in refusal(capsys, 'fly', '--simulator', 'gazebo')
    words = ('fly', '--simulator', 'gazebo', '--realtime')
    assert 'no use for --realtime; leave that out' in refusal(capsys, *words)


def without(monkeypatch, *modules):
    """Let modules seem to be missing, for those who look and those who import."""
    find = importlib.util.find_spec

    def find_spec(name, *others):
        return None if name in modules else find(name, *others)

    monkeypatch.setattr('liquid_pilot.utils.extras.find_spec', find_spec)
    monkeypatch.setattr('liquid_pilot.cli.common.find_spec', find_spec)
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ('module', 'words'),
    [
        ('torch', ['train', '--out', 't']),
        ('onnxscript', ['train', '--out', 't']),
        ('rosbags', ['dataset', 'bag', '--config', 'rover.yaml', '--out', 'd']),
        ('matplotlib', ['dataset', 'bag', '--config', 'rover.yaml', '--out', 'd']),
        ('matplotlib', ['inspect', 'forest-ltc', '--plot', 'x.png']),
        ('matplotlib', ['evaluate', '--out', 'e']),
        ('mujoco', ['evaluate']),
        ('mujoco', ['demonstrate', '--out', 'd']),
        ('mujoco', ['fly']),
        ('pymavlink', ['fly', '--simulator', 'none', '--adapter', 'mavlink']),
        ('ackermann_msgs', ['fly', '--simulator', 'none', '--adapter', 'ackermann']),
        ('rclpy', ['fly']),
        ('rclpy', ['record', '--out', 'r']),
    ],
)
def test_a_missing_module_is_named_with_what_to_do(module, words, place, capsys, monkeypatch):
    without(monkeypatch, module)
    said = refusal(capsys, *words)
    assert re.search(rf'{module}[^;]* not installed; \S', said), said
    assert 'liquid_pilot[' not in said  # this package is on no index


def test_a_torch_file_needs_torch(place, capsys, monkeypatch):
    without(monkeypatch, 'torch')
    (place / 'file').write_bytes(b'PK\x03\x04')
    said = refusal(capsys, 'import-ncps', 'file', '--out', 'c.safetensors')
    assert 'needs torch, which is not installed; ' in said and 'pip install torch' in said


def test_a_module_that_only_the_work_misses_is_one_line_too(place, capsys, monkeypatch):
    monkeypatch.setattr(
        'liquid_pilot.cli.inspect.run', lambda arguments: __import__('no_such_module')
    )
    assert main.main(['inspect', 'forest-ltc']) == main.FAILED
    said = capsys.readouterr().err
    assert said.startswith('liquid-pilot inspect: error: no_such_module is not installed; ')
    assert said.count('\n') == 1


def test_what_fails_later_has_another_code(capsys, monkeypatch):
    def run(arguments):
        raise LiquidPilotError('the disk\nis full')

    monkeypatch.setattr('liquid_pilot.cli.inspect.run', run)
    assert main.main(['inspect', 'forest-ltc']) == main.FAILED
    assert capsys.readouterr().err == 'liquid-pilot inspect: error: the disk is full\n'


def test_a_vehicle_that_writes_nothing_is_started_anywhere(place, monkeypatch):
    monkeypatch.chdir('/proc')
    fly.check(main.make_parser('fly').parse_args(['fly', '--simulator', 'none']))
    with pytest.raises(LiquidPilotError, match=r'--out: /proc/runs/.* cannot be written'):
        fly.check(main.make_parser('fly').parse_args(['fly', '--simulator', 'none', '--record']))


def test_a_closed_output_changes_no_exit_code(capsys, monkeypatch):
    monkeypatch.setattr(sys, 'stdout', None)
    assert main.main(['inspect', 'forest-ltc']) == 0
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('words', ['fly', 'fly --out x', 'evaluate --out x', 'record --out x'])
def test_a_folder_that_is_gone_is_no_place_to_start_in(words, tmp_path, capsys, monkeypatch):
    (tmp_path / 'gone').mkdir()
    monkeypatch.chdir(tmp_path / 'gone')
    (tmp_path / 'gone').rmdir()
    assert 'No such file or directory' in refusal(capsys, *words.split())


@pytest.mark.parametrize('domain', ['abc', '-1', '08', '1.5', '233', '9' * 30])
@pytest.mark.parametrize(
    'words', ['fly --missions 1', 'status', 'engage', 'stop', 'record --out new']
)
def test_a_domain_that_ros_does_not_know_is_refused(words, domain, place, capsys, monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', domain)
    assert 'set it to one from 0 to 101' in refusal(capsys, *words.split())


def test_a_pilot_without_statistics_cannot_adapt(pilot, capsys):
    said = refusal(capsys, 'evaluate', f'{pilot.path}+adapt')
    assert 'holds no statistics of its training, so it cannot adapt; add them' in said


@pytest.mark.parametrize(
    'words',
    [
        'fly --missions 1',
        'evaluate forest-ltc',
        'train --out new',
        'fit-statistics forest-ltc episodes --out new',
        'demonstrate --pilot forest-ltc --out new',
    ],
)
def test_what_needs_compiled_kernels_is_refused_without_a_compiler(
    words, place, capsys, monkeypatch
):
    monkeypatch.setenv('NUMBA_DISABLE_JIT', '1')
    assert 'unset NUMBA_DISABLE_JIT' in refusal(capsys, *words.split())


def test_every_option_of_a_refusal_is_one_that_there_is(place, capsys):
    declared = {name.replace('_', '-') for name in FlyOptions.__dataclass_fields__}
    for line, words in CASES:
        if line.startswith('fly '):
            for name in re.findall(r'--([a-z-]+)', words):
                assert name.removeprefix('no-') in declared, words


def test_the_processor_time_of_a_refusal_is_under_a_second():
    """A cold start included. The least of three: caches and clocks make some of them slow."""
    times = []
    for _ in range(3):
        before = os.times()
        done = subprocess.run(
            [
                *(sys.executable, '-m', 'liquid_pilot.cli', 'evaluate', 'road-ltc'),
                *('--conditions', 'clear,target:3'),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        after = os.times()
        assert done.returncode == main.REFUSED and LINE.fullmatch(done.stderr), done.stderr
        times.append(sum(np.subtract(after[2:4], before[2:4])))
    assert min(times) < 1.0, times


SLOW_CHECK = """
import sys, time
from liquid_pilot.cli import inspect, main
inspect.check = lambda arguments: (print('checking', flush=True), time.sleep(60))
sys.exit(main.main(['inspect', 'forest-ltc']))
"""


def test_ctrl_c_while_a_command_still_checks_leaves_no_word():
    process = subprocess.Popen(
        [sys.executable, '-c', SLOW_CHECK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == 'checking\n'
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, said) == (-signal.SIGINT, '')
