"""The server shows what it has, to whom it may, and survives what it is sent."""

import asyncio
import contextlib
import json
import socket
import threading
import time
import urllib.request

import aiohttp
import pytest

from liquid_pilot.dashboard.pilot_view import MAPS
from liquid_pilot.dashboard.records import unpack
from liquid_pilot.dashboard.server import DashboardServer
from liquid_pilot.dashboard.settings import DashboardSettings
from liquid_pilot.dashboard.viewers import Viewer
from liquid_pilot.interfaces import LiquidPilotError

TOKEN = 'a-long-enough-token_1'


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / 'token'
    file.write_text(TOKEN)
    file.chmod(0o600)
    return str(file)


async def answer_stop():
    return True, 'stopped: the safe command is sent'


def bearer(token):
    return {'Authorization': f'Bearer {token}'}


def test_the_page_and_its_parts_are_served_with_their_headers(serve):
    served = serve()
    for path, kind in (
        ('/', 'text/html'),
        ('/style.css', 'text/css'),
        ('/js/main.js', 'text/javascript'),
        ('/third_party/uplot/LICENSE', 'text/plain'),
        ('/api/about', 'application/json'),
        ('/missing', 'text/plain'),
    ):
        status, headers, body = served.ask(path)
        assert (status == 404) == (path == '/missing') and headers['Content-Type'].startswith(kind)
        assert "default-src 'none'" in headers['Content-Security-Policy'], path
        assert headers['X-Content-Type-Options'] == 'nosniff' and body


def test_the_history_and_the_records_arrive_as_they_are(serve, state):
    served = serve()
    header, blocks = unpack(served.ask('/api/history?after=3')[2])
    assert blocks['numbers'].tolist() == [4, 5, 6, 7, 8] and header['last'] == 8
    rows = blocks['rows'].reshape(5, header['columns'])
    assert rows[0].tobytes() == state.history.get(4).row.tobytes()
    header, blocks = unpack(served.ask('/api/record/4?maps=gradient:forward')[2])
    assert header['stamp_ns'] == str(state.history.get(4).stamp_ns)
    assert blocks['picture'] == state.history.get(4).picture and 'map:gradient:forward' in blocks
    assert served.ask('/api/record/99')[::2] == (204, b'')
    assert json.loads(served.ask('/api/scene/0')[2]) == {}


@pytest.mark.parametrize(
    'path',
    [
        '/../../../etc/passwd',
        '/js/../../../__init__.py',
        '/%2e%2e/%2e%2e/server.py',
        '/js/..%2f..%2fserver.py',
        '//etc/passwd',
        '/js/',
        '/style.css/',
        '/api/record/-1',
        '/api/record/1e9',
        '/api/record/99999999999999999999',
        '/api/scene/x',
        '/\x00',
    ],
)
def test_no_path_leads_out_of_the_page(serve, path):
    served = serve()
    with socket.create_connection(('127.0.0.1', served.server.port), 5) as line:
        line.sendall(
            f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'.encode()
        )
        answer = b''.join(iter(lambda: line.recv(4096), b''))
    assert answer.split()[1] in (b'404', b'400') and b'root:' not in answer


@pytest.mark.parametrize(
    'query',
    [
        '/api/history?after=x',
        '/api/history?after=-1',
        '/api/history?after=٣',
        '/api/history?after=9999999999999999',
        '/api/record/1?maps=gradient',
        '/api/record/1?maps=gradient:sideways',
        '/api/record/1?maps=' + ','.join(['gradient:forward'] * 5),
    ],
)
def test_a_wrong_question_is_refused(serve, query):
    assert serve().ask(query)[0] == 400


def test_other_names_and_other_pages_are_refused(serve):
    served = serve()
    for headers in (
        {'Host': 'rebound.example.com'},
        {'Host': '192.168.1.7:8470'},
        {'Origin': 'https://example.com'},
        {'Origin': 'null'},
        {'Origin': 'http://127.0.0.1:1'},
    ):
        for path in ('/', '/api/about', '/live', '/style.css'):
            assert served.ask(path, headers=headers)[0] == 403, (path, headers)
    assert served.ask('/api/about', headers={'Origin': served.url})[0] == 200


def test_nothing_stops_the_vehicle_without_a_token(serve):
    served = serve(answer_stop)
    for headers in ({}, bearer(''), bearer('guess')):
        assert served.ask('/api/stop', 'POST', json={}, headers=headers)[0] == 403
    assert json.loads(served.ask('/api/about')[2])['may_stop'] is False


def test_the_token_opens_the_page_and_stops_the_vehicle(serve, token_file):
    served = serve(answer_stop, token_file=token_file)
    assert served.server.address.endswith(f'/#token={TOKEN}')
    assert served.ask('/')[0] == 200
    for path in ('/api/about', '/api/history', '/api/record/1', '/api/scene/0'):
        assert served.ask(path)[0] == 401 and served.ask(path, headers=bearer('no'))[0] == 401
        assert served.ask(path, headers=bearer(TOKEN))[0] == 200
    assert json.loads(served.ask('/api/about', headers=bearer(TOKEN))[2])['may_stop'] is True
    ask = {'method': 'POST', 'headers': bearer(TOKEN)}
    status, _, body = served.ask('/api/stop', json={}, **ask)
    assert status == 200 and json.loads(body)['success'] is True
    # A form of another page can send these without asking.
    assert served.ask('/api/stop', data='x', **ask)[0] == 415
    assert served.ask('/api/stop', 'GET', headers=bearer(TOKEN))[0] == 405
    other = {**bearer(TOKEN), 'Origin': 'https://example.com'}
    assert served.ask('/api/stop', 'POST', json={}, headers=other)[0] == 403
    assert served.ask('/api/stop', 'POST', json={'x': 'y' * 5000}, headers=bearer('no'))[0] == 401


def test_a_recording_has_no_vehicle_to_stop(serve, token_file):
    served = serve(None, token_file=token_file)
    assert served.ask('/api/stop', 'POST', json={}, headers=bearer(TOKEN))[0] == 403
    assert json.loads(served.ask('/api/about', headers=bearer(TOKEN))[2])['may_stop'] is False


def test_a_port_that_is_taken_is_named(serve, state):
    served = serve()
    second = DashboardServer(DashboardSettings(port=served.server.port), state)
    with pytest.raises(LiquidPilotError, match=f'port {served.server.port}, is taken.*port to'):
        second.start()


def live(served, talk, **options):
    """Open a websocket, talk over it, and return what `talk` returns."""

    async def go():
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(served.url + '/live', **options) as line,
        ):
            return await talk(line)

    return asyncio.run(go())


def until(condition, seconds=5.0):
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_page_gets_the_newest_record_and_says_what_it_wants(serve, state):
    served = serve()
    viewers = served.server.viewers

    async def talk(line):
        await line.send_json({'maps': [['gradient', 'forward']], 'paused': False})
        while viewers.maps != {('gradient', 'forward')}:
            await asyncio.sleep(0.01)
        served.server.offer(state.encoded(*state.records[2], frozenset()))
        first = await line.receive_bytes(timeout=5)
        await line.send_json({'paused': True})
        while viewers.receiving:
            await asyncio.sleep(0.01)
        # Pictures are kept for it meanwhile.
        assert viewers.watching == 1
        await line.send_json({'hidden': True})
        while viewers.watching:
            await asyncio.sleep(0.01)
        return first

    header, blocks = unpack(live(served, talk))
    assert header['number'] == 3 and blocks['row'].tobytes() == state.records[2][0].row.tobytes()
    until(lambda: viewers.count == 0)
    assert viewers.maps == frozenset()


@pytest.mark.parametrize(
    'text',
    [
        'x' * 5000,
        'nonsense',
        '[]',
        '{"maps": 1}',
        '{"maps": [["a", "b"]]}',
        '{"paused": 1}',
        '{"hidden": null}',
        '[' * 3000,
        '{"maps": [["gradient", 1]]}',
    ],
)
def test_a_page_that_talks_nonsense_is_closed(serve, text):
    served = serve()

    async def talk(line):
        await line.send_str(text)
        return (await line.receive(timeout=5)).type

    assert live(served, talk) in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    assert served.ask('/')[0] == 200
    until(lambda: served.server.viewers.count == 0)


def test_a_websocket_without_the_token_is_closed_before_it_is_told_anything(serve, token_file):
    served = serve(token_file=token_file)

    async def wrong(line):
        await line.send_str('guess')
        return await line.receive(timeout=5)

    async def right(line):
        await line.send_str(TOKEN)
        while not served.server.viewers.count:
            await asyncio.sleep(0.01)
        served.server.offer(b'news')
        return await line.receive(timeout=5)

    assert live(served, wrong).type == aiohttp.WSMsgType.CLOSE
    assert live(served, right).data == b'news'


def test_there_are_not_more_pages_than_allowed(serve):
    served = serve(max_viewers=1)

    async def talk(line):
        while not served.server.viewers.count:
            await asyncio.sleep(0.01)
        url = served.url + '/live'
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as other:
            message = await other.receive(timeout=5)
        served.server.offer(b'news')
        return message, await line.receive(timeout=5)

    refused, news = live(served, talk)
    assert (refused.type, refused.data) == (aiohttp.WSMsgType.CLOSE, 1013)
    assert refused.extra == 'too many pages' and news.data == b'news'


def test_twenty_pages_get_the_same(serve):
    served = serve(max_viewers=20)

    async def talk(line):
        lines = [line]
        async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
            for _ in range(19):
                context = session.ws_connect(served.url + '/live')
                lines.append(await stack.enter_async_context(context))
            while served.server.viewers.count < 20:
                await asyncio.sleep(0.01)
            served.server.offer(b'news')
            return [(await each.receive(timeout=5)).data for each in lines]

    assert live(served, talk) == [b'news'] * 20
    until(lambda: served.server.viewers.count == 0)


def test_a_slow_page_loses_frames_and_no_memory():
    viewer = Viewer(MAPS)

    async def go():
        for number in range(1000):
            viewer.offer(bytes([number % 256]) * 10)
        return await viewer.next()

    assert asyncio.run(go()) == bytes([999 % 256]) * 10 and viewer.lost == 999


def test_a_stalled_page_holds_up_nobody(serve):
    """One page never reads; another one gets everything, and the server ends."""
    served = serve()
    with socket.create_connection(('127.0.0.1', served.server.port)) as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.sendall(
            f'GET /live HTTP/1.1\r\nHost: {served.host}\r\nUpgrade: websocket\r\nConnection: '
            'Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: '
            'MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n'.encode()
        )
        until(lambda: served.server.viewers.count == 1)

        async def talk(line):
            while served.server.viewers.count < 2:
                await asyncio.sleep(0.01)
            for number in range(100):
                served.server.offer(number.to_bytes(4, 'little') + bytes(100_000))
                message = await line.receive_bytes(timeout=5)
                assert int.from_bytes(message[:4], 'little') == number
            return True

        assert live(served, talk)
        (slow,) = (each for each in served.server.viewers._open if each.lost)
        assert slow.lost > 50
        thread = threading.Thread(target=served.server.close)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    'head',
    [
        b'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ' + b'y' * 20_000 + b'\r\n\r\n',
        b'GET /' + b'z' * 20_000 + b' HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
        b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
        b'GET / HTTP/1.1\r\n\r\n',
        b'POST /api/stop HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n',
        b'POST /api/stop HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n',
        b'NONSENSE\r\n\r\n',
        b'\0' * 100,
    ],
)
def test_broken_requests_are_refused_and_do_not_harm(serve, head):
    served = serve()
    with socket.create_connection(('127.0.0.1', served.server.port), 5) as line:
        line.sendall(head)
        line.shutdown(socket.SHUT_WR)
        line.settimeout(5)
        answer = line.recv(4096)
    assert not answer or answer.split()[1] in (b'400', b'403', b'404', b'405', b'415', b'431')
    with urllib.request.urlopen(served.url, timeout=5) as answer:
        assert answer.status == 200
