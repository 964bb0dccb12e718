"""Parameters: refused with clear words, described, and live only where they say so."""

import dataclasses
import subprocess
import sys

import pytest
import yaml
from rclpy.parameter import Parameter

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes import dashboard, hand, recorder, visualization
from liquid_pilot.nodes.adaptation import AdaptationParameters
from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.nodes.guard import GuardParameters
from liquid_pilot.nodes.missions import gazebo_node, scene_node, simulator_node
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import LearnerSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.safety.preflight import PreflightRequirements
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.utils.resources import share_path
from liquid_pilot.utils.settings import declared_settings, from_mapping

ALL = {
    'pilot': PilotParameters,
    'adaptation': AdaptationParameters,
    'guard': GuardParameters,
    'simulator': simulator_node.SimulatorParameters,
    'recorder': recorder.RecorderParameters,
    'hand': hand.HandParameters,
    'dashboard': dashboard.DashboardParameters,
    'visualization': visualization.VisualizationParameters,
    'gazebo': gazebo_node.GazeboParameters,
    'scene': scene_node.SceneParameters,
}


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        ('imu_timeout_s', 50, r'imu_timeout_s must lie in \[0\.01, 5\] s, not 50\.0'),
        ('imu_timeout_s', float('nan'), 'must lie in'),
        ('imu_timeout_s', 'soon', 'must be a number'),
        ('threads', 1.5, 'must be a whole number'),
        ('lockstep', 'yes', 'must be true or false'),
        ('image_transport', 'theora', 'must be one of raw, compressed'),
        ('imu_timout_s', 1.0, "unknown parameter 'imu_timout_s'; there are: adaptation, ada"),
    ],
)
def test_what_cannot_be_is_refused_in_words(name, value, words):
    with pytest.raises(LiquidPilotError, match=words):
        from_mapping(PilotParameters, {name: value})


def test_whole_numbers_do_for_real_ones_and_lists_for_tuples():
    made = from_mapping(GuardParameters, {'rate_hz': 50, 'maximum': [1, 2, 3, 4.5]})
    assert (made.rate_hz, made.maximum) == (50.0, (1.0, 2.0, 3.0, 4.5))
    assert type(made.rate_hz) is float
    with pytest.raises(LiquidPilotError, match='must be a list'):
        from_mapping(GuardParameters, {'maximum': 3.0})
    with pytest.raises(LiquidPilotError, match='four finite numbers'):
        from_mapping(GuardParameters, {'maximum': [1.0]}).limits()


def test_a_node_describes_its_parameters_and_changes_live_ones_only(ros):
    node = type('Parameters', (LiquidNode,), {'parameters': PilotParameters})('parameters')
    try:
        described = node.describe_parameter('imu_timeout_s')
        assert '[s]' in described.description
        assert described.floating_point_range[0].to_value == 5.0
        assert not described.read_only
        assert node.describe_parameter('threads').integer_range[0].from_value == 1
        results = {
            name: node.set_parameters([Parameter(name, value=value)])[0]
            for name, value in (
                ('imu_timeout_s', 0.4),
                ('camera_timeout_s', 900.0),
                ('pilot', 'other'),
                ('publish_trace', False),
            )
        }
        assert results['imu_timeout_s'].successful
        assert results['publish_trace'].successful
        assert not results['camera_timeout_s'].successful
        assert not results['pilot'].successful
        now = node.settings.current
        assert (now.imu_timeout_s, now.publish_trace) == (0.4, False)
        assert (now.camera_timeout_s, now.pilot) == (0.5, 'forest-ltc')
    finally:
        node.destroy_node()


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ('rate_hertz:=20.0', "unknown parameter 'rate_hertz'"),
        ('rate_hz:=2000.0', 'rate_hz must lie in [2, 200] Hz'),
        ('maximum:=[1.0, 2.0]', 'maximum must be four finite numbers'),
    ],
)
def test_a_node_started_with_a_wrong_parameter_says_one_line_and_fails(given, words):
    done = subprocess.run(
        [sys.executable, '-m', 'liquid_pilot.nodes.guard', '--ros-args', '-p', given],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.count('\n') == 1


def test_the_parameter_file_lists_every_parameter_with_its_default():
    content = yaml.safe_load(share_path('config/fly.yaml').read_text())
    assert set(content) == {f'/**/{name}' for name in ALL}
    for name, cls in ALL.items():
        listed = content[f'/**/{name}']['ros__parameters']
        made = from_mapping(cls, listed)
        assert made == cls(), name
        assert set(listed) == {field.name for field in dataclasses.fields(cls)}, name


@pytest.mark.parametrize(
    'given',
    [
        {},
        *(
            {name: False}
            for name in (
                'photometric',
                'temporal_filter',
                'compensate_rotation',
                'reject_novel_frames',
                'slow_core_on_novelty',
                'slowdown_on_blindness',
            )
        ),
        {'filter_gain': 'estimated'},
        {'constant_filter_factor': 4.0},
        {'core_time_scale_on_novelty': 3.0},
        {'slow_core_while_held': True},
        {'core_time_scale_while_held': 3.0},
        {'scene_change_threshold': 0.2},
        {'settling_time_s': 2.0},
        {'slowdown_on_blindness_after_s': 1.5},
        {'slowdown_on_blindness_time_constant_s': 0.7},
    ],
)
def test_the_frontend_gets_each_setting_under_its_name(given):
    made = PilotParameters(adaptation=True, **given).adaptation_settings()
    assert made.frontend == FrontendSettings(**given)
    assert PilotParameters(**given).adaptation_settings() is None


def test_governor_gate_and_learner_get_each_setting_under_its_name():
    made = PilotParameters(adaptation=True, friction_speed_governor=False).adaptation_settings()
    assert made == AdaptationSettings(friction_speed_governor=False)
    given = {
        'training_threshold_factor': 1.1,
        'baseline_threshold_factor': 1.3,
        'max_rejection_s': 0.4,
    }
    made = PilotParameters(adaptation=True, **given).adaptation_settings()
    assert made.frontend.gate == NoveltyGateSettings(**given)
    given = {
        'learn_temporal_filter': False,
        'filter_learning_rate': 2.0,
        'decay_to_trained_s': 7.0,
    }
    assert AdaptationParameters(**given).learner_settings() == LearnerSettings(**given)
    assert AdaptationParameters().learner_settings() == LearnerSettings()


def test_a_setting_of_something_on_board_is_declared_there_only():
    """Default, unit, range and description of the node's parameter are those of the setting."""
    made_from = {
        PilotParameters: (FrontendSettings, NoveltyGateSettings, AdaptationSettings),
        AdaptationParameters: (LearnerSettings,),
        GuardParameters: (AdapterSettings, PreflightRequirements),
    }
    compared = 0
    for owner, sources in made_from.items():
        parameters_of_node = declared_settings(owner)
        for source in sources:
            for name, declared in declared_settings(source).items():
                if name in parameters_of_node:
                    assert parameters_of_node[name] == declared
                    compared += 1
    assert compared > 20


@pytest.mark.parametrize('cls', ALL.values())
def test_every_parameter_is_described_and_numbers_have_a_range(cls):
    for field in dataclasses.fields(cls):
        assert field.metadata['description']
        if type(field.default) in (int, float):
            assert field.metadata['low'] <= field.default <= field.metadata['high']
