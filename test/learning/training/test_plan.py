"""The plan of a training: what it resolves once, which stages it runs, and what its keys cover."""

from __future__ import annotations

from dataclasses import replace

import pytest

from liquid_pilot import pilot_file
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.training import demonstrations
from liquid_pilot.learning.training.plan import Initialisation, make_plan, plan_round
from liquid_pilot.onboard.vehicles.registry import get_vehicle


def ignore_progress(*report):
    pass


def first_round(settings, out, data):
    return plan_round(make_plan(settings, out, ignore_progress, data=data), 0, [])


@pytest.fixture
def data(episodes):
    return dataset_index.read(episodes)


def test_each_round_has_its_stages(data, tmp_path):
    def stages(index=0, initialisation=None, data=data, **settings):
        plan = make_plan(
            TrainingSettings(**settings),
            tmp_path,
            ignore_progress,
            data=data,
            initialisation=initialisation,
        )
        return plan_round(plan, index, []).stages

    assert stages() == ('encoder', 'core')
    assert stages(joint_steps=5) == ('encoder', 'core', 'joint')
    assert stages(joint_steps=5, dagger_rounds=1) == ('encoder', 'core')
    assert stages(1, joint_steps=5, dagger_rounds=1) == ('encoder', 'core', 'joint')
    shipped = pilot_file.load(pilot_file.resolve('forest-ltc'))
    of_its_size = replace(data, camera=shipped.specification.camera)
    pilot = Initialisation(pilot=shipped)
    assert stages(initialisation=pilot, data=of_its_size, joint_steps=5) == ('core', 'joint')
    assert stages(initialisation=pilot, data=of_its_size, joint_steps=5, encoder_frozen=True) == (
        'core',
    )
    lent = Initialisation(encoder_source=shipped.path)
    assert stages(initialisation=lent, data=of_its_size) == ('core',)


def test_keys_cover_what_the_weights_depend_on_and_nothing_else(data, tmp_path):
    plain = first_round(TrainingSettings(), tmp_path, data)
    for changes in ({'name': 'x'}, {'tuning': 'x'}, {'checkpoint_s': 1.0}, {'episodes': 7}):
        other = first_round(TrainingSettings(**changes), tmp_path / 'elsewhere', data)
        assert (other.key, other.encoder_key) == (plain.key, plain.encoder_key), changes
    core = first_round(TrainingSettings(core_rate=0.1), tmp_path, data)
    assert core.key != plain.key and core.encoder_key == plain.encoder_key
    noise = first_round(TrainingSettings(noise=0.1), tmp_path, data)
    assert noise.key != plain.key and noise.encoder_key != plain.encoder_key
    fewer = first_round(TrainingSettings(), tmp_path, replace(data, training=data.training[1:]))
    assert fewer.key != plain.key and fewer.encoder_key != plain.encoder_key
    assert plan_round(plain.training, 1, []).key != plain.key


def test_the_episodes_decide_the_vehicle_and_the_images_of_all_rounds(data, tmp_path, monkeypatch):
    """Settings of a quadrotor, episodes of a rover of 32 x 24 pixels: DAgger flies the latter."""
    data = replace(data, vehicle='rover', conditions=('night:2',))
    settings = TrainingSettings(dagger_rounds=1, dagger_episodes=3)
    plan = make_plan(settings, tmp_path, ignore_progress, data=data)
    assert settings.vehicle == 'quadrotor'
    assert plan.vehicle == get_vehicle('rover')
    collected = []

    def collect(seeds, folder, collection, workers, on_episode):
        collected.append((seeds, folder, collection))
        return []

    monkeypatch.setattr(demonstrations, 'collect', collect)
    demonstrations.collect_dagger_flights(
        plan.settings, plan.data, tmp_path / 'round_0', plan.out, 1, 1, ignore_progress
    )
    ((seeds, folder, collection),) = collected
    assert seeds == range(1_100_000, 1_100_003) and folder == tmp_path / 'dagger_1'
    assert (collection.vehicle, collection.conditions) == ('rover', ('night:2',))
    assert (collection.image_width, collection.image_height) == (32, 24)
    assert collection.disturbance.level == pytest.approx(0.5 * settings.disturbance)
