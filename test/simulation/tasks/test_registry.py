"""Tasks are found without MuJoCo, and each has all that its protocols ask for."""

import subprocess
import sys

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.tasks.registry import gazebo_task_of, task_of

WITHOUT_MUJOCO = """
import sys
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.conditions.pipeline import appearance_of
from liquid_pilot.simulation.gazebo import world
from liquid_pilot.simulation.tasks.registry import gazebo_task_of, layout_of, task_of

layout = layout_of('quadrotor', 7, parse('two_legs:3'))
task_of('quadrotor').expert(layout)
world.build_sdf(gazebo_task_of('quadrotor'), layout, appearance=appearance_of(7, ()))
assert 'mujoco' not in sys.modules
"""


def test_layouts_experts_and_gazebo_worlds_need_no_mujoco():
    subprocess.run([sys.executable, '-c', WITHOUT_MUJOCO], check=True, timeout=60)


@pytest.mark.parametrize('vehicle', ['quadrotor', 'rover'])
def test_the_task_of_a_vehicle_fits_together(vehicle):
    task = task_of(vehicle)
    layout = task.layout(7, {})
    progress = task.route_progress(layout)
    assert progress.update(layout.start_enu_m).shape == (2,)
    assert progress.remaining_m(layout.start_enu_m) == pytest.approx(
        layout.target_distance_m, rel=0.2
    )
    assert progress.handover_command(0.0, 0) is None and not progress.at_decision_point(0.0)
    assert layout.obstacle_discs().shape[1] == 3
    assert isinstance(task.rules, MissionRules)
    assert gazebo_task_of(vehicle) is not None


def test_a_vehicle_without_a_task_is_named_with_those_that_have_one():
    with pytest.raises(LiquidPilotError, match=r"no vehicle named 'kite'.*quadrotor, rover"):
        task_of('kite')
