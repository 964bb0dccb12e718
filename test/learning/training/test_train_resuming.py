"""A training that is interrupted: killed, stopped by Ctrl-C, on a full disk, and resumed."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from small_trainings import REPOSITORY, SMALL, quiet, small

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.training.stage import Stage, StageOptions, load_checkpoint, run_stage
from liquid_pilot.learning.training.train import train

# One process trains under a ROS-free Python, prints each step, and can be killed between any two.
CHILD = """
import sys
from pathlib import Path
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.training.train import train
import json
def report_progress(stage, done, of, loss):
    print(stage, done, flush=True)
settings = TrainingSettings.from_mapping(json.loads(sys.argv[3]), 'test')
train(settings, Path(sys.argv[2]), report_progress, threads=1,
      data=dataset_index.read(Path(sys.argv[1])))
"""


def started(episodes, out, settings):
    return subprocess.Popen(
        [sys.executable, '-c', CHILD, str(episodes), str(out), json.dumps(settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY), 'OMP_NUM_THREADS': '1'},
    )


@pytest.mark.slow
def test_a_training_killed_in_every_stage_ends_with_the_same_bits(episodes, tmp_path):
    """Checkpoints fall every two steps, so that most kills lose a step that is done again."""
    settings = {
        **SMALL,
        'checkpoint_steps': 2,
        'encoder_epochs': 1,
        'joint_steps': 6,
        'augmentation': 'broad',
    }
    whole = train(
        TrainingSettings.from_mapping(settings, 'test'),
        tmp_path / 'whole',
        quiet,
        threads=1,
        data=dataset_index.read(episodes),
    )
    chance = random.Random(time.time_ns())
    killed_at = []
    for stage in ('encoder', 'core', 'joint'):
        target = chance.randint(3, 5)
        child = started(episodes, tmp_path / 'killed', settings)
        for line in child.stdout:
            name, step = line.split()
            if name == stage and int(step) >= target:
                os.kill(child.pid, signal.SIGKILL)
                break
        assert child.wait() == -signal.SIGKILL, child.stderr.read()
        killed_at.append((stage, step))
        checkpoint = load_checkpoint(tmp_path / 'killed' / 'stages' / f'0_{stage}.ckpt')
        assert checkpoint['step'] > 0 and not checkpoint['finished'], killed_at
    again = train(
        TrainingSettings.from_mapping(settings, 'test'),
        tmp_path / 'killed',
        quiet,
        threads=1,
        data=dataset_index.read(episodes),
    )
    assert again.encoder == whole.encoder, killed_at
    for name, tensor in whole.parameters.to_tensors().items():
        assert tensor.tobytes() == again.parameters.to_tensors()[name].tobytes(), (name, killed_at)
    assert again.digest == whole.digest


def test_ctrl_c_keeps_the_step_that_was_done(tmp_path):
    """The signal comes in the middle of step 3, which is ended and saved."""
    module = torch.nn.Linear(1, 1)

    def loss(step):
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return module.weight.sum() ** 2

    stage = Stage('toy', {'toy': module}, 10, 0.01, loss, lambda: 1.0, 100, 'key')
    with pytest.raises(KeyboardInterrupt):
        run_stage(stage, tmp_path / 'toy.ckpt', StageOptions(), quiet)
    state = load_checkpoint(tmp_path / 'toy.ckpt', 'key')
    assert (state['step'], state['finished']) == (3, False)
    assert torch.equal(state['modules']['toy']['weight'], module.weight.detach())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_finished_training_is_not_done_again_and_of_other_settings_refused(trained, episodes):
    out, pilot = trained
    seen = []
    again = train(
        small(),
        out,
        lambda *report: seen.append(report),
        threads=1,
        data=dataset_index.read(episodes),
    )
    assert again.digest == pilot.digest and seen == []
    with pytest.raises(LiquidPilotError, match='other settings or other episodes'):
        train(small(core_rate=0.001), out, quiet, threads=1, data=dataset_index.read(episodes))


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04 broken', b'\x80\x04cos\nsystem\n'])
def test_a_broken_checkpoint_is_one_clear_line(trained, episodes, tmp_path, content):
    run, _ = trained
    shutil.copytree(run / 'stages', tmp_path / 'stages')
    (tmp_path / 'stages' / '0_core.ckpt').write_bytes(content)
    with pytest.raises(LiquidPilotError, match=r'0_core\.ckpt: .*; delete it') as raised:
        train(small(), tmp_path, quiet, threads=1, data=dataset_index.read(episodes))
    assert '\n' not in str(raised.value)


@pytest.mark.slow
def test_a_full_disk_is_one_clear_line_and_loses_nothing(episodes, tmp_path):
    """The limit on the size of files stands for a disk that fills while a checkpoint is written."""

    def fill():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    command = [
        sys.executable,
        '-m',
        'liquid_pilot.cli',
        'train',
        '--demonstrations',
        str(episodes),
        '--out',
        str(tmp_path),
        '--threads',
        '1',
        *(word for item in SMALL.items() for word in ('--set', '{}={}'.format(*item))),
    ]
    environment = {**os.environ, 'PYTHONPATH': str(REPOSITORY)}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=180,
        cwd=REPOSITORY,
        env=environment,
        preexec_fn=fill,
    )
    assert done.returncode == 1, done.stderr
    last = ' '.join(done.stderr.split()).rpartition('liquid-pilot: ')[2]
    assert '0_encoder.ckpt: cannot be written (File too large; make room' in last
    assert not list(tmp_path.rglob('*.partial'))
