"""The road and the rover in Gazebo are the same as in MuJoCo."""

import numpy as np
import pytest
from sdf_reader import SEED, made, numbers

from liquid_pilot.simulation.gazebo import quadrotor, rover
from liquid_pilot.simulation.gazebo.models import OBSTACLE_PREFIX
from liquid_pilot.simulation.tasks.registry import layout_of
from liquid_pilot.simulation.vehicles.rover import WHEEL_SIZE_M, RoverSettings


@pytest.fixture(scope='module')
def road():
    """Return the root of the SDF and the files of the road."""
    return made('rover')


def test_the_ground_is_the_one_that_tyres_know_and_the_road_lies_on_it(road):
    _, files = road
    layout = layout_of('rover', SEED, ())
    for file, part, above_m, off_m in (
        ('ground', 'ground', 0.0, 2e-3),
        ('road', 'surface', 0.03, 2e-3),
    ):
        rows, used, here = [], set(), False
        for line in files[f'{file}.obj'].decode().splitlines():
            key, *rest = line.split()
            here = rest[0] == part if key == 'o' else here
            if key == 'v':
                rows.append([float(word) for word in rest])
            elif key == 'f' and here:
                corners = [rows[int(word.split('/')[0]) - 1] for word in rest]
                used |= {tuple(corner) for corner in corners}
                (ax, ay, _), (bx, by, _), (cx, cy, _) = corners
                assert (bx - ax) * (cy - ay) > (by - ay) * (cx - ax)  # It is seen from above.
        x, y, z = np.array(sorted(used)).T
        assert z - layout.height(x, y) == pytest.approx(np.full(len(z), above_m), abs=off_m)
    # Wheels roll where the road is, and beside it.
    x, y = layout.centerline[::40, :2].T
    east, north, _ = np.array(rows).T if file == 'ground' else np.array(sorted(used)).T
    assert all(np.hypot(east - a, north - b).min() < 3.0 for a, b in zip(x, y, strict=True))


def test_what_a_car_must_not_touch_are_the_plants(road):
    root, _ = road
    layout = layout_of('rover', SEED, ())
    solid = [m for m in root.iter('model') if m.get('name').startswith(OBSTACLE_PREFIX)]
    assert [m.get('name') for m in solid] == [f'{OBSTACLE_PREFIX}_plants']
    assert root.findtext('.//plugin/target') == OBSTACLE_PREFIX
    trunks = [(tree.x_m, tree.y_m) for tree in layout.trees if not tree.backdrop]
    there = np.array(
        [
            numbers(part, 'pose')[:2]
            for part in solid[0].iter('collision')
            if part.find('geometry/cylinder') is not None
        ]
    )
    assert len(trunks) == len(there) > 40
    assert all(np.abs(there - place).max(1).min() < 1e-3 for place in trunks)


def test_the_rover_stands_on_its_wheels_and_weighs_what_it_does_in_mujoco(road):
    root, _ = road
    layout, v = layout_of('rover', SEED, ()), RoverSettings()
    model = root.find(f".//model[@name='{rover.MODEL}']")
    mass_kg = sum(float(mass.text) for mass in model.iter('mass'))
    assert mass_kg == pytest.approx(v.car_model.mass_kg)
    x, y, z, *_, yaw = numbers(model, 'pose')
    assert (x, y, yaw) == pytest.approx((*layout.start_enu_m[:2], layout.start_yaw_rad), abs=1e-6)
    wheels = [link for link in model.iter('link') if link.get('name').endswith('_wheel')]
    assert len(wheels) == 4
    for wheel in wheels:
        along, across, up = numbers(wheel, 'pose')[:3]
        assert abs(along) == v.car_model.half_wheelbase_m and abs(across) == v.half_track_m
        assert z + up - WHEEL_SIZE_M[0] == pytest.approx(layout.start_enu_m[2], abs=1e-6)
    plugin = root.find(".//plugin[@filename='gz-sim-ackermann-steering-system']")
    joints = {joint.get('name'): joint for joint in model.iter('joint')}
    links = {link.get('name') for link in model.iter('link')}
    for side in ('left', 'right'):
        for wheel in plugin.findall(f'{side}_joint'):
            child = joints[wheel.text].findtext('child')
            assert side in child and child in links
        steered = joints[plugin.findtext(f'{side}_steering_joint')].findtext('child')
        carried = [j.findtext('child') for j in joints.values() if j.findtext('parent') == steered]
        assert carried == [f'front_{side}_wheel']
        across = next(w for w in wheels if w.get('name') == carried[0])
        assert (numbers(across, 'pose')[1] > 0.0) == (side == 'left')
    assert float(plugin.findtext('wheel_base')) == 2.0 * v.car_model.half_wheelbase_m
    assert plugin.findtext('topic') == quadrotor.GAZEBO_TOPICS['command']
    camera = root.find(".//sensor[@type='camera']")
    assert numbers(camera, 'pose') == pytest.approx(
        [*v.camera_position_m, 0.0, v.camera_pitch_rad, 0.0]
    )
    farthest = np.hypot(*layout.centerline[:, :2].T).max()
    sky = max(
        float(word)
        for line in road[1]['sky.obj'].decode().splitlines()
        if line.startswith('v ')
        for word in line.split()[1:]
    )
    assert farthest + 50.0 < sky < float(camera.findtext('camera/clip/far')) - farthest
