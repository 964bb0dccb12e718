"""The core of docs/how_to/own_core.md is trained, written into a pilot file, and flown."""

import io
import json
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import page_package
import pytest
import torch
import yaml
from small_trainings import REPOSITORY, quiet, small

from liquid_pilot import pilot_file
from liquid_pilot.cli.main import main
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.models.factory import make_core, parameter_budget, parameter_count
from liquid_pilot.learning.training.train import train
from liquid_pilot.onboard.inference.recurrent_cores import OnnxCore
from liquid_pilot.onboard.inference.recurrent_cores import make_core as flying_core

FILES = page_package.files_of('own_core.md')


@pytest.fixture
def cores(tmp_path):
    with page_package.installed(FILES, tmp_path / 'installed'):
        yield


def changed(folder, before, after):
    """Install the page's package with other code."""
    assert before in FILES['my_cores.py']
    return page_package.installed(
        {**FILES, 'my_cores.py': FILES['my_cores.py'].replace(before, after)}, folder
    )


def settings(**changes):
    """Return the settings of the page's configuration, with changes."""
    return TrainingSettings(**{**yaml.safe_load(FILES['leaky.yaml']), **changes})


def test_it_has_about_as_many_parameters_as_the_liquid_core(cores):
    core = make_core(settings(), 20.0)
    assert core.kind == 'leaky'
    assert parameter_count(core) / parameter_budget(settings()) == pytest.approx(1.0, abs=0.05)
    assert make_core(settings(core_size=7), 20.0).state_size == 7
    again = make_core(settings(), 20.0)
    for one, other in zip(core.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other), 'the seed decides the weights'


def test_what_is_exported_computes_what_was_trained(cores):
    core = make_core(settings(core_size=9), 20.0).eval()
    flying = OnnxCore(core.to_onnx(), core.inputs, 9, 4)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(1, 12, core.inputs)).astype(np.float32)
    dt_s = generator.uniform(0.01, 0.5, (1, 12)).astype(np.float32)
    with torch.no_grad():
        outputs, states = core(torch.from_numpy(x), torch.from_numpy(dt_s))
    state = flying.initial_state()
    for tick in range(12):
        state, output = flying.step(state, x[0, tick], float(dt_s[0, tick]))
        np.testing.assert_allclose(state, states[0, tick], atol=1e-5)
        np.testing.assert_allclose(output, outputs[0, tick], atol=1e-5)


@pytest.mark.slow
def test_it_is_trained_and_its_pilot_needs_neither_torch_nor_its_package(episodes, tmp_path):
    with page_package.installed(FILES, tmp_path / 'installed'):
        pilot = train(
            small(core='leaky', joint_steps=1),
            tmp_path / 'out',
            quiet,
            threads=1,
            data=dataset_index.read(episodes),
        )
    size = pilot.specification.core['state_size']
    assert pilot.specification.core == {'type': 'graph', 'name': 'leaky', 'state_size': size}
    assert pilot.specification.card['settings']['core'] == 'leaky'
    # The package is not installed any more.
    loaded = pilot_file.load(pilot.path)
    flying = flying_core(loaded)
    assert flying.neurons == size and not flying.liquid
    program = (
        'import sys; sys.modules["torch"] = None\n'
        'from liquid_pilot import pilot_file\n'
        'from liquid_pilot.onboard.inference.engine import Engine\n'
        f'Engine(pilot_file.load({str(pilot.path)!r})).warm_up()\n'
    )
    subprocess.run([sys.executable, '-c', program], cwd=REPOSITORY, check=True, timeout=60)
    with redirect_stdout(io.StringIO()) as said:
        assert main(['inspect', str(pilot.path)]) == 0
    assert ' leaky core' in ' '.join(said.getvalue().split())
    out = tmp_path / 'evaluated'
    few = ['--missions', '1', '--workers', '1']
    assert main(['evaluate', str(pilot.path), *few, '--out', str(out)]) == 0
    assert pilot.digest in (out / 'missions.jsonl').read_text()


def test_a_pilot_file_without_the_name_of_its_core_is_refused(episodes, tmp_path, cores):
    core = make_core(settings(core_size=4), 20.0)
    shipped = pilot_file.load(pilot_file.resolve('forest-ltc'))
    values = {**vars(shipped.specification), 'core': core.specification, 'name': 'other'}
    specification = type(shipped.specification)(**values)
    graph = core.to_onnx()
    pilot = pilot_file.save(tmp_path / 'p', specification, None, None, shipped.encoder, graph)
    text = (pilot.path / 'pilot.json').read_text()
    for before, after, words in (
        ('"name": "leaky"', '"name": "a b"', r'core.name may have letters'),
        ('"name": "leaky",', '', r'core.*name'),
        ('"type": "graph"', '"type": "gru"', r'core.*name'),
    ):
        assert before in text
        (pilot.path / 'pilot.json').write_text(text.replace(before, after))
        with pytest.raises(LiquidPilotError, match=words):
            pilot_file.load(pilot.path)
    assert json.loads(text)['core'] == {'type': 'graph', 'name': 'leaky', 'state_size': 4}


def test_unknown_kinds_are_answered_with_the_known_ones(cores):
    with pytest.raises(LiquidPilotError, match=r'core must be one of ltc, .*, leaky, not .leeky'):
        settings(core='leeky')


AFTER = '        return after, after'
BROKEN = {
    'does not import': ('import torch\n', 'import torch_of_ours\n', 'my_cores cannot be imported'),
    'is not there': ('class Leaky', 'class Leakier', "my_cores has no 'Leaky'; correct the entry"),
    'other arguments': ('motors, rate_hz)', 'motors)', r'it failed to start \(TypeError: '),
    'no GraphCore': ('(lp.GraphCore)', '(nn.Module)', r'it failed to start \(TypeError: '),
    'no step': ('def advance', 'def go', r'what it makes fails in a step \(NotImplementedError'),
    'another size': (AFTER, AFTER.replace('after,', 'after[:, 1:],'), 'fails in a step'),
    'a bug': ('(self.rate(', '(self.rates(', r"no attribute 'rates', at .*my_cores.py:\d+\); docs"),
    'fewer outputs': ('motors=motors', 'motors=motors - 1', 'is for 38 inputs and 3 outputs, not '),
}


@pytest.mark.parametrize(('before', 'after', 'words'), BROKEN.values(), ids=BROKEN)
def test_one_that_is_broken_names_its_package(tmp_path, before, after, words):
    start = "^the core 'leaky' of the package my_cores 1.0 cannot be used: .*"
    with changed(tmp_path, before, after), pytest.raises(LiquidPilotError, match=start + words):
        make_core(settings(core_size=5), 20.0)
