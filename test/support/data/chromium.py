"""A real Chromium without a window, driven by its DevTools protocol over two pipes.

with Chromium(tmp_path) as browser:
    page = browser.open('http://127.0.0.1:8470/', 1280, 800)
    assert page.evaluate('document.title') == '...' and not page.problems
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import queue
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

PROGRAM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('chrome')
"""Path of the browser; None: it is not installed."""
_FLAGS = (
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-extensions',
    '--no-first-run',
    '--no-default-browser-check',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
    '--remote-debugging-pipe',
)
_ANSWER_S = 60.0
_CODES = {'Tab': 9, 'Enter': 13, 'Escape': 27, ' ': 32}
"""Keys that the browser itself acts on, with what it knows them by."""


class BrowserError(Exception):
    """The browser refused a command, or did not answer."""


class Chromium:
    """One browser process; a context manager.

    Args:
        folder: folder for its profile.
    """

    def __init__(self, folder: Path) -> None:
        assert PROGRAM is not None
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        command = [PROGRAM, *_FLAGS, f'--user-data-dir={folder / "profile"}', 'about:blank']
        # The browser reads its commands from descriptor 3 and answers on 4. Both are moved away
        # from there first, so that neither overwrites the other.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
        self._process = subprocess.Popen(
            command,
            pass_fds=(3, 4),
            preexec_fn=lambda: [os.dup2(end, 3 + k) for k, end in enumerate(ends)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for end in ends:
            os.close(end)
        os.close(to_browser)
        os.close(from_browser)
        self._number = 0
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.call('Browser.close')
            self._process.wait(10.0)
        except (BrowserError, subprocess.TimeoutExpired, OSError):
            self._process.kill()
            self._process.wait()
        self._reader.join(10.0)
        os.close(self._write)
        os.close(self._read)

    def open(
        self, address: str, width: int, height: int, dark: bool = True, mobile: bool = False
    ) -> Page:
        """Open a page in a tab of its own.

        Args:
            address: its address.
            width: width of the window, pixels.
            height: height of the window, pixels.
            dark: whether it prefers dark colours.
            mobile: whether it is a phone.
        """
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        page = self._pages[session] = Page(self, session, target)
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            page.call(f'{domain}.enable')
        page.call(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=height,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )
        scheme = [{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}]
        page.call('Emulation.setEmulatedMedia', features=scheme)
        page.call('Page.navigate', url=address)
        # Its elements are there then, though not yet what scripts put into them.
        page.until('document.readyState !== "loading" && location.href !== "about:blank"')
        return page

    def call(self, method: str, session: str = '', **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; BrowserError when there is none."""
        self._number += 1
        number, answer = self._number, queue.Queue[dict[str, Any]]()
        self._answers[number] = answer
        message = {'id': number, 'method': method, 'params': parameters}
        if session:
            message['sessionId'] = session
        os.write(self._write, json.dumps(message).encode() + b'\0')
        try:
            content = answer.get(timeout=_ANSWER_S)
        except queue.Empty:
            raise BrowserError(f'{method}: no answer') from None
        if 'error' in content:
            raise BrowserError(f'{method}: {content["error"]["message"]}')
        return content.get('result', {})

    def _listen(self) -> None:
        rest = b''
        while data := os.read(self._read, 1 << 16):
            *messages, rest = (rest + data).split(b'\0')
            for text in messages:
                content = json.loads(text)
                if 'id' in content:
                    self._answers.pop(content['id'], queue.Queue()).put(content)
                elif page := self._pages.get(content.get('sessionId', '')):
                    page.hear(content['method'], content['params'])


class Page:
    """One tab.

    Args:
        browser: the browser.
        session: identifier of the session with the tab.
        target: identifier of the tab.
    """

    def __init__(self, browser: Chromium, session: str, target: str) -> None:
        self._browser, self._session, self._target = browser, session, target
        self.problems: list[str] = []
        """What was written to the console as a warning or an error, and what was not caught."""

    def hear(self, method: str, content: dict[str, Any]) -> None:
        """Take an event of the browser."""
        if method == 'Runtime.exceptionThrown':
            details = content['exceptionDetails']
            self.problems.append(str(details.get('exception', details).get('description', details)))
        elif method == 'Runtime.consoleAPICalled' and content['type'] in ('error', 'warning'):
            texts = (each.get('value', each.get('description')) for each in content['args'])
            self.problems.append(' '.join(map(str, texts)))
        elif method == 'Log.entryAdded' and content['entry']['level'] in ('error', 'warning'):
            entry = content['entry']
            self.problems.append(f'{entry["text"]} {entry.get("url", "")}')

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command to the tab and return its result."""
        return self._browser.call(method, self._session, **parameters)

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page; a promise is waited for."""
        result = self.call(
            'Runtime.evaluate', expression=expression, returnByValue=True, awaitPromise=True
        )
        if 'exceptionDetails' in result:
            raise BrowserError(str(result['exceptionDetails'].get('exception', result)))
        return result['result'].get('value')

    def until(self, expression: str, timeout_s: float = 30.0) -> Any:
        """Wait until an expression is true, and return its value; BrowserError: it never was."""
        end_s = time.monotonic() + timeout_s
        while not (value := self.evaluate(expression)):
            if time.monotonic() > end_s:
                raise BrowserError(f'never true: {expression}; problems: {self.problems}')
            time.sleep(0.05)
        return value

    def press(self, key: str) -> None:
        """Press and release a key, such as 'ArrowLeft' or 'l'."""
        text: dict[str, Any] = {'text': key} if len(key) == 1 else {}
        if key in _CODES:
            text['windowsVirtualKeyCode'] = _CODES[key]
        if key == 'Enter':
            text['text'] = '\r'
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, **text)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write a picture of the page as PNG; `whole`: with what is below the window."""
        data = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(data['data']))

    def close(self) -> None:
        """Close the tab."""
        self._browser.call('Target.closeTarget', targetId=self._target)
