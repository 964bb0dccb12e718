"""The server of the dashboard: static files, plain data, and a websocket for the newest record.

It runs on a thread of its own, with an event loop of its own. It only reads, but for `stop`, which
it passes on where it was started with a token and is given that token. The files of the page are
read once, when it starts: no path of a request reaches the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from aiohttp import WSCloseCode, WSMsgType, web

from liquid_pilot.dashboard.access import Access, read_token
from liquid_pilot.dashboard.page_files import PageFile, page_files
from liquid_pilot.dashboard.pilot_view import MAPS
from liquid_pilot.dashboard.settings import NEXT_PORTS, PORT, DashboardSettings
from liquid_pilot.dashboard.viewers import MAX_COMMAND_BYTES, Map, Viewer, Viewers
from liquid_pilot.interfaces import LiquidPilotError

Stop = Callable[[], Awaitable[tuple[bool, str]]]
"""Function that stops the vehicle, and returns whether it did, and what the guard says."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HEARTBEAT_S = 10.0
_TOKEN_WAIT_S = 5.0
"""Time that a websocket waits for its token, s."""
_START_S = 10.0
_FAREWELL_S = 0.5
"""Longest time for the pages to take notice of the end, s."""
_MAX_HEADER_BYTES = 8190
_HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cache-Control': 'no-store',
}
"""Headers of every answer: the page loads nothing from elsewhere, and no other page may hold it."""
_BEARER = 'Bearer '


class Source(Protocol):
    """Where the server has from what it shows. It is called on one thread that is not the loop."""

    def about(self) -> dict[str, Any]:
        """Return the description of the pilot and of the flight."""

    def history_message(self, after: int) -> bytes:
        """Return the numbers of the records after one."""

    def record_message(self, number: int, maps: frozenset[Map]) -> bytes | None:
        """Return the message of a record; None where there is none."""

    def scene(self, mission: int) -> dict[str, Any]:
        """Return the scene of a mission; empty where it is not known."""


class DashboardServer:
    """A server that runs from `start` to `close`.

    Args:
        settings: where it serves, and for how many.
        source: what it shows.
        stop: function that stops the vehicle; None: there is none to stop.

    Raises:
        LiquidPilotError: the settings do not go together, or the token cannot be used.
    """

    def __init__(
        self, settings: DashboardSettings, source: Source, stop: Stop | None = None
    ) -> None:
        self._settings, self._source, self._stop = settings, source, stop
        self._token = read_token(settings.token_file)
        self._access = Access(settings.host, self._token)
        self._files = page_files()
        self.viewers = Viewers(settings.max_viewers)
        """The pages that are open."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._worker = ThreadPoolExecutor(1, 'dashboard-source')
        self._ended: asyncio.Event | None = None
        self._sockets: set[web.WebSocketResponse] = set()
        self._farewell = ''
        self._started = threading.Event()
        self._failure: Exception | None = None
        self.port = settings.port
        """TCP port; that of the settings until `start` has returned."""

    @property
    def address(self) -> str:
        """The address for a browser; with the token in the part that is not sent over the line."""
        host = self._settings.host
        host = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host)
        host = f'[{host}]' if ':' in host else host
        return f'http://{host}:{self.port}/' + (f'#token={self._token}' if self._token else '')

    def start(self) -> None:
        """Begin to serve.

        Raises:
            LiquidPilotError: the port is taken, or the address is not one of this machine.
        """
        self._thread = threading.Thread(target=self._serve, name='dashboard', daemon=True)
        self._thread.start()
        self._started.wait(_START_S)
        if self._failure is not None:
            self._thread.join()
            raise self._refusal(self._failure)

    def _refusal(self, failure: Exception) -> LiquidPilotError:
        """Return the error of a server that does not start."""
        place = f'{self._settings.host}, port {self._settings.port}'
        number = getattr(failure, 'errno', None)
        if number == errno.EADDRINUSE:
            return LiquidPilotError(
                f'{place}, is taken: another page is served there. Set port to another number, or '
                'to 0 for any that is free'
            )
        reason = os.strerror(number) if isinstance(number, int) else str(failure)
        return LiquidPilotError(
            f'the page cannot be served on {place}: {reason}; set host to an address of this '
            'machine, or leave it out'
        )

    def offer(self, message: bytes) -> None:
        """Give every open page the message of the newest record; any thread may call it."""
        if self._loop is not None and self.viewers.count:
            with contextlib.suppress(RuntimeError):  # The loop has just ended.
                self._loop.call_soon_threadsafe(self.viewers.offer, message)

    def close(self, farewell: str = '') -> None:
        """End, and wait until the thread has ended.

        Args:
            farewell: what the pages say then, in at most 100 bytes; empty: that the line is broken.
        """
        self._farewell = farewell
        if self._loop is not None and self._ended is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ended.set)
        if self._thread is not None:
            self._thread.join()
        self._worker.shutdown(cancel_futures=True)

    # On the thread of the server

    def _serve(self) -> None:
        try:
            asyncio.run(self._serve_until_closed())
        except Exception as error:
            self._failure = error
        finally:
            self._started.set()

    async def _serve_until_closed(self) -> None:
        self._ended = asyncio.Event()
        runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=0.5, handle_signals=False
        )
        await runner.setup()
        try:
            settings = self._settings
            await _listen(runner, settings)
            addresses = runner.addresses
            self.port = int(addresses[0][1])
            self._loop = asyncio.get_running_loop()
            self._started.set()
            await self._ended.wait()
        finally:
            self._loop = None
            await self._part()
            await runner.cleanup()

    async def _part(self) -> None:
        """Tell the pages that nothing more comes, after what is still under way."""
        if not self._farewell or not self._sockets:
            return
        await asyncio.sleep(0.05)
        message = self._farewell.encode()[:100]
        ends = [
            asyncio.create_task(socket.close(code=WSCloseCode.GOING_AWAY, message=message))
            for socket in self._sockets
        ]
        await asyncio.wait(ends, timeout=_FAREWELL_S)

    def _application(self) -> web.Application:
        application = web.Application(
            middlewares=[self._guarded],
            client_max_size=1024,
            handler_args={'max_line_size': _MAX_HEADER_BYTES, 'max_field_size': _MAX_HEADER_BYTES},
        )
        routes = application.router
        for path, file in self._files.items():
            routes.add_get(path, _static(file))
        routes.add_get('/api/about', self._about)
        routes.add_get('/api/history', self._history)
        routes.add_get('/api/record/{number:[0-9]{1,15}}', self._record)
        routes.add_get('/api/scene/{mission:[0-9]{1,9}}', self._scene)
        routes.add_post('/api/stop', self._on_stop)
        routes.add_get('/live', self._live)
        return application

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse requests of other pages, and add the headers of every answer."""
        host, origin = request.headers.get('Host', ''), request.headers.get('Origin')
        try:
            if not self._access.accepts_host(host):
                raise web.HTTPForbidden(text='this page is not served under that name\n')
            if not self._access.accepts_origin(origin, host):
                raise web.HTTPForbidden(text='requests of other pages are refused\n')
            if request.path.startswith('/api/') and not self._access.may_read(_given(request)):
                raise web.HTTPUnauthorized(text='the token is missing or wrong\n')
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(_HEADERS)
            raise
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the source on its thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, function, *arguments)

    async def _about(self, request: web.Request) -> web.Response:
        content = await self._call(self._source.about)
        content['may_stop'] = self._stop is not None and self._access.has_token
        return web.json_response(content, dumps=lambda data: json.dumps(data, allow_nan=False))

    async def _history(self, request: web.Request) -> web.Response:
        text = request.query.get('after', '0')
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise web.HTTPBadRequest(text='after must be a whole number\n')
        return _binary(await self._call(self._source.history_message, int(text)))

    async def _record(self, request: web.Request) -> web.Response:
        maps = _maps_of(request.query.get('maps', ''))
        number = int(request.match_info['number'])
        message = await self._call(self._source.record_message, number, maps)
        if message is None:
            # No error, which a browser would write to its console: the page asks in good faith.
            return web.Response(status=204)
        return _binary(message)

    async def _scene(self, request: web.Request) -> web.Response:
        return web.json_response(
            await self._call(self._source.scene, int(request.match_info['mission']))
        )

    async def _on_stop(self, request: web.Request) -> web.Response:
        # Without a token nobody may: `may_read` alone would let everybody.
        if self._stop is None or not self._access.accepts_token(_given(request)):
            raise web.HTTPForbidden(text='this page may not stop the vehicle\n')
        # A form of another page could not send this type without asking first.
        if request.content_type != 'application/json':
            raise web.HTTPUnsupportedMediaType(text='the request must be application/json\n')
        success, text = await self._stop()
        return web.json_response({'success': success, 'message': text})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        # A browser names its page in every websocket; without this check any page could look in.
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_S, max_msg_size=MAX_COMMAND_BYTES, compress=False
        )
        await socket.prepare(request)
        if not await self._is_allowed(socket):
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b'wrong token')
            return socket
        if self.viewers.full:
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b'too many pages')
            return socket
        viewer = Viewer(MAPS)
        self.viewers.add(viewer)
        self._sockets.add(socket)
        sender = asyncio.create_task(_send(socket, viewer))
        try:
            async for message in socket:
                if message.type != WSMsgType.TEXT or not viewer.obey(message.data):
                    await socket.close(code=WSCloseCode.UNSUPPORTED_DATA, message=b'not understood')
                    break
                self.viewers.update()
        finally:
            sender.cancel()
            self._sockets.discard(socket)
            self.viewers.remove(viewer)
        return socket

    async def _is_allowed(self, socket: web.WebSocketResponse) -> bool:
        """Return whether the first message of a websocket is the token, where there is one."""
        if not self._access.has_token:
            return True
        try:
            message = await socket.receive(timeout=_TOKEN_WAIT_S)
        except asyncio.TimeoutError:
            return False
        return message.type == WSMsgType.TEXT and self._access.may_read(message.data)


async def _listen(runner: web.AppRunner, settings: DashboardSettings) -> None:
    """Listen on the port of the settings, or on one of the next where the default one is taken.

    Raises:
        OSError: there is none.
    """
    port = settings.port
    last = port + NEXT_PORTS if port == PORT else port
    while True:
        try:
            await web.TCPSite(runner, settings.host, port).start()
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or port == last:
                raise
        port += 1


async def _send(socket: web.WebSocketResponse, viewer: Viewer) -> None:
    """Send a page what it has room for, until it has gone."""
    with contextlib.suppress(ConnectionError, RuntimeError):
        while True:
            await socket.send_bytes(await viewer.next())


def _static(file: PageFile) -> Handler:
    """Return the handler of one file of the page."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=file.content, content_type=file.type, charset=file.charset)

    return answer


def _binary(message: bytes) -> web.Response:
    return web.Response(body=message, content_type='application/octet-stream')


def _given(request: web.Request) -> str:
    """Return the token of a request; empty where it has none."""
    header = request.headers.get('Authorization', '')
    return header[len(_BEARER) :].strip() if header.startswith(_BEARER) else ''


def _maps_of(text: str) -> frozenset[Map]:
    """Return the maps that a request asks for.

    Args:
        text: 'method:command', several of them separated by commas; empty: none.

    Raises:
        HTTPBadRequest: there is no such map, or they are too many.
    """
    entries = [tuple(entry.split(':', 1)) for entry in text.split(',') if entry]
    if len(entries) > 4 or any(entry not in MAPS for entry in entries):
        raise web.HTTPBadRequest(text='there is no such map\n')
    return frozenset((entry[0], entry[1]) for entry in entries)
