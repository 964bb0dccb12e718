"""A short flight of a shipped pilot, as the dashboard gets it, and a server that shows it."""

import asyncio

import aiohttp
import numpy as np
import pytest
from shown_flights import GUARD, PERIOD_NS, ShownTick, show

from liquid_pilot import pilot_file
from liquid_pilot.dashboard.flight_state import FlightState
from liquid_pilot.dashboard.history import History
from liquid_pilot.dashboard.server import DashboardServer
from liquid_pilot.dashboard.settings import DashboardSettings
from liquid_pilot.interfaces import Command, ImageBuffer, ImuSample, Observation, VehicleState
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.inference.trace import make_trace


@pytest.fixture(scope='session')
def flight():
    """Eight ticks of the shipped pilot over pictures of noise."""
    rng = np.random.default_rng(0)
    pilot = pilot_file.load(pilot_file.resolve('forest-ltc'))
    engine = Engine(pilot, adaptation=AdaptationSettings())
    state, moments = engine.initial_state(), []
    for number in range(1, 9):
        stamp_ns = number * PERIOD_NS
        pixels = rng.integers(60, 190, (72, 128, 3), np.uint8)
        image = ImageBuffer(pixels.tobytes(), 128, 72, 384, 'rgb8')
        imu = ImuSample(stamp_ns, (0.0, 0.0, 0.1), (0.0, 0.0, 9.81))
        tick = engine.tick(state, Observation(stamp_ns, image, (imu,)))
        state = tick.state
        sent = Command(stamp_ns, *(0.5 * value for value in tick.command.values))
        moments.append(
            ShownTick(
                image,
                make_trace(engine, tick, 'one', number, None),
                sent,
                VehicleState(
                    stamp_ns,
                    (0.1 * number, 0.2, 1.5),
                    (1.0, 0.0, 0.0, 0.0),
                    (1.0, 0.0, 0.0),
                    (0.0, 0.0, 0.0),
                ),
            )
        )
    return moments


@pytest.fixture
def state(flight):
    """A state to which all of the flight was shown."""
    shown = FlightState(History(100.0, 10.0))
    shown.on_status(0.0, 'guard', GUARD)
    shown.records = show(shown, flight)
    return shown


class Served:
    """A server, and requests to it as a program makes them."""

    def __init__(self, source, stop=None, **settings):
        self.server = DashboardServer(DashboardSettings(port=0, **settings), source, stop)
        self.server.start()
        self.url = f'http://127.0.0.1:{self.server.port}'
        self.host = f'127.0.0.1:{self.server.port}'

    def ask(self, path, method='GET', **options):
        """Return status, headers and body of a request."""

        async def ask():
            async with (
                aiohttp.ClientSession() as session,
                session.request(method, self.url + path, **options) as response,
            ):
                return response.status, response.headers, await response.read()

        return asyncio.run(ask())


@pytest.fixture
def serve(state):
    """A function that serves the state with settings; all servers end with the test."""
    made = []

    def start(stop=None, source=None, **settings):
        made.append(Served(source or state, stop, **settings))
        return made[-1]

    yield start
    for served in made:
        served.server.close()
