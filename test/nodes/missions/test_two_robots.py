"""Two simulated robots fly side by side in one ROS domain, each on a clock of its own."""

import json

import pytest


@pytest.mark.slow
def test_each_flies_as_it_does_alone(pilot, run_cli, tmp_path):
    def start(name, *options):
        return run_cli(
            *('fly', '--pilot', pilot.path, '--missions', 1, '--seed', 3, '--headless'),
            *('--out', tmp_path / name, '--namespace', name, *options),
        )

    robots = {name: start(name, '--clock-topic', 'clock') for name in ('drone1', 'drone2')}
    for process in robots.values():
        process.communicate(timeout=240)
        assert process.returncode == 0
    alone = start('alone')
    alone.communicate(timeout=240)
    assert alone.returncode == 0
    missions = [
        json.loads((tmp_path / name / 'report.json').read_text())['missions']
        for name in (*robots, 'alone')
    ]
    assert missions[0] == missions[1] == missions[2]
