"""The page of a real flight, in a real browser, outlives every node: it says what is missing, and
goes on by itself when the node is back. At last what serves it is started again as well.
"""

import os
import shutil
import signal
import time

import pytest
from chromium import PROGRAM, Chromium
from free_ports import free_port

from liquid_pilot.nodes.launch import flight_environment, flight_graph
from liquid_pilot.nodes.launch.flight_options import FlyOptions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason='no Chromium is installed: apt install chromium'),
]
SPACE = 'outlived'
GONE_S, BACK_S = 30.0, 90.0
"""Longest time until the page says what is missing, and until it shows a flight again, s: a node
takes most of it to start, on a machine that does other things as well."""
PICTURE = 'document.querySelector("#camera")?.dataset.stamp'
ROW = '(document.querySelector(\'#health tr[data-name="{}"] td\')?.textContent ?? "")'
MISSING = {
    'simulator': f'{ROW.format("simulator")} === "does not report" && !{PICTURE}',
    'pilot': 'document.querySelector("#story-sees p").textContent.startsWith("No pilot reports")',
    'guard': 'document.querySelector("#guard-state").textContent === "no guard reports"',
    'adaptation': (
        'document.querySelector("#story-adapts p").textContent.includes("No adaptation node")'
    ),
}
"""What the page says while a node is missing."""


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    folder = tmp_path_factory.mktemp('chromium')
    with Chromium(folder) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


class Flight:
    """The processes of a flight in real time by name, which are ended and started again.

    Args:
        start_spec: function that starts one.
        folder: folder for logs and runs.
        specs: what is started, by name.
    """

    def __init__(self, start_spec, folder, specs):
        self._start_spec, self._folder, self._specs = start_spec, folder, specs
        self._runs, self.processes = 0, {}
        for name in specs:
            self.start(name)

    def start(self, name):
        """Start a process, or start it again."""
        if name == 'simulator':
            # Each run has a folder of its own.
            self._runs += 1
            self._specs[name].parameters['out'] = str(self._folder / f'run_{self._runs}')
        self.processes[name] = self._start_spec(self._specs[name], self._folder / f'{name}.log')

    def end(self, name):
        """End a process: a run that writes its report as people end it, all others at once."""
        if name == 'simulator':
            self.processes.pop(name).end(signal.SIGINT, GONE_S)
        else:
            self.processes[name].end(signal.SIGKILL)

    def fly_on(self):
        """Start the simulator again where it has given up: DDS names a killed guard for a while,
        and two guards are none of a run's business.
        """
        simulator = self.processes.get('simulator')
        if simulator is not None and simulator.popen.poll() is not None:
            self.start('simulator')

    def until(self, page, expression, limit_s):
        """Wait until it holds in the page, and return how long it took, s."""
        began_s = time.monotonic()
        while not page.evaluate(expression):
            if time.monotonic() > began_s + limit_s:
                states = [process.state() for process in self.processes.values()]
                shown = page.evaluate('document.body.innerText')
                raise AssertionError('\n'.join([f'never: {expression}', *states, shown]))
            self.fly_on()
            time.sleep(0.05)
        return time.monotonic() - began_s

    def until_pictures(self, page, stamp=''):
        """Wait until other pictures than one arrive, live, and go on to arrive."""
        live = 'document.querySelector("#link").textContent === "live"'
        took_s = self.until(page, f'{PICTURE} && {PICTURE} !== "{stamp}" && {live}', BACK_S)
        stamp = page.evaluate(PICTURE)
        self.until(page, f'{PICTURE} && {PICTURE} !== "{stamp}"', BACK_S)
        return took_s


@pytest.fixture
def flight(start_spec, tmp_path, monkeypatch):
    """A flight whose page is served on a port of its own."""
    port = free_port()
    options = FlyOptions(
        out='-', namespace=SPACE, realtime=True, headless=True, dashboard=True, missions=1000
    )
    specs = {spec.name: spec for spec in flight_graph.nodes(options)}
    assert set(specs) == {*MISSING, 'dashboard'}
    specs['dashboard'].parameters['port'] = port
    for name, value in flight_environment.environment(options, os.environ).items():
        monkeypatch.setenv(name, value)
    flying = Flight(start_spec, tmp_path, specs)
    flying.address = f'http://127.0.0.1:{port}/'
    return flying


def test_the_page_outlives_every_node(browser, flight, eventually):
    dashboard = flight.processes['dashboard']
    eventually(lambda: '[dashboard] http' in dashboard.output, BACK_S)
    page = browser.open(flight.address, 1440, 900)
    flight.until_pictures(page)
    for name in ('pilot', 'guard', 'adaptation'):
        flight.until(page, f'!["", "does not report"].includes({ROW.format(name)})', BACK_S)
    for name, missing in MISSING.items():
        flight.end(name)
        flight.until(page, missing, GONE_S)
        assert page.evaluate(ROW.format(name)) == 'does not report'
        stamp = page.evaluate(PICTURE)
        flight.start(name)
        flight.until(page, f'!({missing})', BACK_S)
        flight.until(page, f'{ROW.format(name)} !== "does not report"', BACK_S)
        flight.until_pictures(page, stamp)
        assert page.problems == [], name
    flight.end('dashboard')
    gone = 'document.querySelector("#link").textContent === "no connection"'
    flight.until(page, gone, GONE_S)
    stamp = page.evaluate(PICTURE)
    flight.start('dashboard')
    flight.until_pictures(page, stamp)
    # The browser itself writes that nothing listens there; the page has written nothing.
    own = [
        text
        for text in page.problems
        if 'ERR_CONNECTION_REFUSED' not in text and 'WebSocket' not in text
    ]
    assert own == []
    page.close()
