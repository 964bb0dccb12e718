"""For all tests: ROS on the loopback in a domain of their own, time, order, and no leftovers.

Marks (a test may have both):

slow      costs seconds of CPU, or starts several processes; left out unless `--all` is given.
realtime  depends on what happens when. It runs while no other test of this run does, after the
          machine was measured. On a machine that stalls it is skipped, with the figures.
"""

import atexit
import os
import signal
import sys
from pathlib import Path

import leftovers
import pytest
import realtime
import ros_domain

REPOSITORY = Path(__file__).resolve().parents[1]
pytest_plugins = ['pytester', 'fault_table']
PROFILES = str(REPOSITORY / 'config' / 'fastdds.xml')

# Started in the background by a shell, this process would ignore Ctrl-C, and so would those that
# the tests start and end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Before rclpy is imported, and for every process that a test starts.
os.environ.update(
    {
        'ROS_DOMAIN_ID': str(ros_domain.reserve()),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_PYTHON_CHECK_FIELDS': '1',
        'FASTRTPS_DEFAULT_PROFILES_FILE': PROFILES,
        'FASTDDS_DEFAULT_PROFILES_FILE': PROFILES,
        'GZ_IP': '127.0.0.1',
        'OMP_NUM_THREADS': '1',
        'PYTHONPATH': os.pathsep.join(
            [str(REPOSITORY), *filter(None, [os.environ.get('PYTHONPATH')])]
        ),
    }
)
# No flight of a test opens the browser of the person who runs the tests.
for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
    os.environ.pop(name, None)
RUN = leftovers.mark()
# Even where a second Ctrl-C cuts the end of the session short.
atexit.register(leftovers.end, RUN, 0.5)


def pytest_addoption(parser):
    parser.addoption(
        '--all', action='store_true', help='run the slow tests too (about half an hour)'
    )


def pytest_configure(config):
    config.addinivalue_line('markers', 'slow: costs seconds of CPU; needs --all')
    config.addinivalue_line('markers', 'realtime: depends on what happens when; runs alone')
    # A run that a test has started must not wait for the lock that this test holds.
    run = RUN.split('/')[-2 if hasattr(config, 'workerinput') else -1]
    config.pluginmanager.register(realtime.Plugin(run), 'realtime')


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Leave out what is slow, and give the workers the files with the most work first."""
    if not config.option.all and not any('::' in each for each in config.invocation_params.args):
        slow = [item for item in items if item.get_closest_marker('slow')]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker('slow')]
    alone = {item.path for item in items if item.get_closest_marker('realtime')}
    items.sort(key=lambda item: _place(item.path, alone))


FIRST = ('studies', 'nodes', 'learning', 'onboard', 'evaluation', 'simulation')


def _place(path, alone):
    """Return the place of a file in the order of the run.

    Tests in real time wait for the test of the other worker, so that they come together and before
    the long ones. Files that train or start nodes follow: at the end one worker waits for another.
    """
    room = path.relative_to(REPOSITORY / 'test').parts[0]
    return path not in alone, FIRST.index(room) if room in FIRST else len(FIRST)


@pytest.fixture(scope='module', autouse=True)
def _no_process_is_left():
    """A file of tests ends all processes that it starts."""
    before = ros_domain.reserved()
    yield
    left = leftovers.end(RUN)
    for domain in ros_domain.reserved() - before:
        ros_domain.release(domain)
    assert not left, f'processes were left behind: {left}'


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """After an interruption, or a worker's end, no process is left either."""
    for line in leftovers.end(RUN, patience_s=0.5 if session.shouldstop else 5.0):
        print(f'ended a process that was left behind: {line}', file=sys.stderr)
    if not hasattr(session.config, 'workerinput'):
        session.config.pluginmanager.get_plugin('realtime').end()
