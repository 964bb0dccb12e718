"""What a page is told at the end, and where the next one is served meanwhile."""

import asyncio
import socket
import time

import aiohttp
import pytest
from shown_flights import show

from liquid_pilot.dashboard import server
from liquid_pilot.dashboard.composer import Composer
from liquid_pilot.dashboard.server import DashboardServer
from liquid_pilot.dashboard.settings import DashboardSettings


@pytest.mark.parametrize('farewell', ['The run is over', ''])
def test_a_page_is_told_what_has_ended(farewell, serve):
    served = serve()

    async def talk():
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(served.url + '/live') as line,
        ):
            while not served.server.viewers.count:
                await asyncio.sleep(0.01)
            served.server.offer(b'the last')
            closing = asyncio.get_running_loop().run_in_executor(
                None, served.server.close, farewell
            )
            assert await line.receive_bytes(timeout=20) == b'the last'
            end = await line.receive(timeout=20)
            await closing
            return end

    end = asyncio.run(talk())
    if farewell:
        assert (end.type, end.data, end.extra) == (aiohttp.WSMsgType.CLOSE, 1001, farewell)
    else:
        assert end.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED) and not end.extra


def test_a_page_that_does_not_answer_does_not_hold_up_the_end(serve):
    served = serve()
    with socket.create_connection(('127.0.0.1', served.server.port)) as line:
        line.sendall(
            f'GET /live HTTP/1.1\r\nHost: {served.host}\r\nUpgrade: websocket\r\n'
            'Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
            'Sec-WebSocket-Version: 13\r\n\r\n'.encode()
        )
        line.settimeout(20)
        assert b'101' in line.recv(4096)
        while not served.server.viewers.count:
            time.sleep(0.01)
        served.server.close('The run is over')
    assert not served.server._thread.is_alive()


def test_what_happened_last_is_recorded(state, serve, flight):
    served = serve()
    composer = Composer(state, served.server, 15.0)
    composer.start()
    show(state, flight[:1], 1.0)
    state.on_mission(composer.time_s(), 'end success', 0)
    composer.close()
    texts = [event.text for event in state.history.extract(0, state.view.layout.size).events]
    assert texts[-1] == 'The mission ends: success'


def test_pictures_are_kept_for_a_page_that_is_about_to_be_opened(serve):
    viewers = serve().server.viewers
    assert not viewers.wanted
    viewers.expected = True
    assert viewers.wanted and not viewers.watching and not viewers.ever


@pytest.fixture
def taken():
    """A port of which the next one is free as a rule, and which is taken."""
    with socket.socket() as holder:
        holder.bind(('127.0.0.1', 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_beside_another_page_the_next_port_is_taken(taken, state, monkeypatch):
    # A fixed port may be taken on the machine of this test.
    monkeypatch.setattr(server, 'PORT', taken)
    second = DashboardServer(DashboardSettings(port=taken), state)
    second.start()
    try:
        assert taken < second.port <= taken + server.NEXT_PORTS
        assert second.address == f'http://127.0.0.1:{second.port}/'
    finally:
        second.close()
