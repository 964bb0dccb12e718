"""The page in a real browser: what it shows is what it was given, and it says nothing is wrong."""

import math
import shutil
import time

import numpy as np
import pytest
from chromium import PROGRAM, Chromium
from shown_flights import GUARD, show

from liquid_pilot.dashboard.composer import Composer
from liquid_pilot.dashboard.events import Status
from liquid_pilot.dashboard.flight_state import FlightState
from liquid_pilot.dashboard.guard_output import Sent
from liquid_pilot.dashboard.history import History
from liquid_pilot.dashboard.server import DashboardServer
from liquid_pilot.dashboard.settings import DashboardSettings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason='no Chromium is installed: apt install chromium'),
]
SCREENS = {
    'small phone': (360, 740, True),
    'phone': (390, 844, True),
    'laptop': (1440, 900, False),
    'desk': (1920, 1080, False),
    'wide': (2560, 1300, False),
}
READY = 'window.liquidPilot && liquidPilot.store.length > 0 && !!liquidPilot.store.about'
REACHABLE = """
[...document.querySelectorAll('button, select, input, canvas[tabindex], ol[tabindex]')]
  .filter((each) => each.getClientRects().length && !each.disabled && each.id)
  .map((each) => each.id)"""
WITHOUT_NAME = """
[...document.querySelectorAll('button, select, input, canvas, a')].filter((each) =>
  each.getAttribute('aria-hidden') !== 'true' && each.getClientRects().length
  && !(each.getAttribute('aria-label') || each.textContent.trim() || each.labels?.length)
  && !each.closest('label, .uplot')).map((each) => each.outerHTML)"""


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    folder = tmp_path_factory.mktemp('chromium')
    with Chromium(folder) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def page(browser, serve, request):
    """The page of the flight on one of the screens."""
    width, height, mobile = SCREENS[getattr(request, 'param', 'laptop')]
    served = serve()
    opened = browser.open(served.url, width, height, mobile=mobile)
    opened.served = served
    opened.until(READY)
    yield opened
    opened.close()


def offer(page, state, records, pause_s=0.0):
    """Give the page records as the composer does."""
    for record, events in records:
        page.served.server.offer(state.encoded(record, events, page.served.server.viewers.maps))
        time.sleep(pause_s)


def text(page, selector):
    return page.evaluate(f'document.querySelector({selector!r}).textContent')


def test_what_is_shown_is_what_the_topics_said(page, state, flight):
    page.until('liquidPilot.store.length === 8')
    offer(page, state, show(state, flight[:1], 1.0))
    page.until('liquidPilot.store.length === 9')
    trace, sent = flight[0].trace, flight[0].sent
    page.until(f'document.querySelector("#camera").dataset.stamp === "{trace.stamp_ns}"')
    for k, name in enumerate(('forward', 'left', 'up', 'yaw rate')):
        bar = f"#command-bars [data-index='{k}']"
        assert text(page, f'{bar} span') == name
        shown = page.evaluate(f'({{...document.querySelector({f"{bar} output"!r}).dataset}})')
        assert float(shown['wanted']) == pytest.approx(trace.command[k], abs=1e-4)
        assert float(shown['sent']) == pytest.approx(sent.values[k], abs=1e-4)
    assert text(page, '#guard-state').startswith("engaged: it passes the pilot's commands on")
    state_of_page = page.evaluate(
        '[...liquidPilot.store.read(liquidPilot.store.rows[liquidPilot.index], "state")]'
    )
    assert state_of_page == pytest.approx(trace.state.tolist())
    assert page.problems == []


def test_the_overlay_and_the_neuron_are_chosen(page, state, flight):
    offer(page, state, show(state, flight[:1], 1.0))
    page.until('document.querySelector("#camera").dataset.overlay === "map:visual_backprop:all"')
    page.evaluate(
        'document.querySelector("#map-command").value = "yaw rate";'
        'document.querySelector("#map-method").value = "gradient";'
        'document.querySelector("#map-method").onchange()'
    )
    deadline = time.monotonic() + 20
    while page.served.server.viewers.maps != {('gradient', 'yaw rate')}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    offer(page, state, show(state, flight[:2], 2.0))
    page.until('document.querySelector("#camera").dataset.overlay === "map:gradient:yaw rate"')
    page.press('o')
    page.until('document.querySelector("#camera").dataset.overlay === "filter"')
    page.evaluate(
        'document.querySelector("#neuron-choice").value = 7;'
        'document.querySelector("#neuron-choice").onchange()'
    )
    page.until('document.querySelectorAll("#neuron-inputs li").length > 2')
    assert text(page, '#neuron-name') == 'command 7'
    assert 'time constant' in text(page, '#neuron-now')
    page.until('document.querySelectorAll("#plot-neuron canvas").length === 1')
    assert page.problems == []


def test_the_timeline_is_scrubbed_by_keys_and_comes_back(page, state, flight):
    page.until('liquidPilot.store.length === 8')
    page.press(' ')
    page.until('document.querySelector("#link").textContent === "paused"')
    page.press('ArrowLeft')
    first = state.records[0][0]
    page.until(f'document.querySelector("#camera").dataset.stamp === "{first.stamp_ns}"')
    # While it is paused, what arrives does not move it.
    offer(page, state, show(state, flight[:1], 1.0))
    assert page.evaluate('liquidPilot.index') == 0
    page.press('l')
    page.until('liquidPilot.live && liquidPilot.store.length === 9')
    assert page.problems == []


def test_all_of_it_is_reached_and_worked_by_the_keyboard_alone(page):
    wanted = set(page.evaluate(REACHABLE))
    assert {'overlay', 'neuron-choice', 'wiring', 'events', 'play', 'scrub'} <= wanted
    reached = set()
    for _ in range(3 * len(wanted)):
        page.press('Tab')
        reached.add(page.evaluate('document.activeElement.id'))
        # What has the focus is seen to have it.
        assert page.evaluate('document.activeElement.matches(":focus-visible, body")')
    assert wanted <= reached
    page.evaluate('document.getElementById("help-button").focus()')
    page.press('Enter')
    page.until('document.getElementById("help").open')
    page.press('Escape')
    page.until('!document.getElementById("help").open')
    page.evaluate('document.getElementById("wiring").focus()')
    page.press('ArrowDown')
    page.until('!document.getElementById("neuron").hidden')
    chosen = page.evaluate('document.getElementById("neuron-choice").selectedOptions[0].text')
    page.until(f'document.getElementById("neuron-name").textContent === {chosen!r}')
    assert chosen != 'none'
    assert page.problems == []


def test_an_attitude_of_the_guard_is_drawn_and_told_in_words(page, state, flight):
    guard = GUARD._replace(values={**GUARD.values, 'adapter': 'attitude_thrust'})
    page.until('liquidPilot.store.length === 8')
    trace = flight[0].trace._replace(flight='two', sequence=1)
    state.on_status(2.0, 'guard', guard)
    state.on_trace(2.0, trace)
    # Without the outputs of before, and with an attitude.
    state._sent_by_stamp.clear()
    yaw_rate = float(trace.command[3])
    values = (math.nan, math.nan, math.nan, yaw_rate)
    state._take_sent(2.0, Sent(trace.stamp_ns, values, nose_down=6.0, lean_right=-2.5, thrust=9.9))
    offer(page, state, [state.record(2.0)])
    page.until('liquidPilot.store.length === 9')
    page.until("document.querySelector('#guard-sends').textContent.includes('an attitude')")
    shown = page.evaluate(
        "[...document.querySelectorAll('#command-bars [data-setpoint]')].filter((bar) => "
        "!bar.hidden).map((bar) => bar.textContent.replaceAll('\\u00a0', ' '))"
    )
    assert shown == ['nose down+6.0°', 'lean right-2.5°', 'thrust9.9 m/s²']
    wanted = f'{trace.command[0]:+.2f}\u00a0m/s'
    assert text(page, '#command-bars [data-index="0"] output') == wanted
    assert '→' in text(page, '#command-bars [data-index="3"] output')
    assert text(page, '#story-guard p').startswith("Engaged: it turns the pilot's command into")
    assert page.problems == []


def test_an_unknown_pilot_is_shown_without_wiring_and_overlay(page, state, flight):
    stranger = flight[0].trace._replace(digest='f' * 64, flight='two')
    state.on_picture(stranger.stamp_ns, flight[0].image)
    state.on_trace(3.0, stranger)
    offer(page, state, [state.record(3.0)])
    page.until('liquidPilot.store.length === 1 && liquidPilot.store.about.pilot === null')
    assert text(page, '#pilot-name') == 'unknown pilot'
    state.on_trace(3.1, stranger._replace(sequence=2, state=np.full(34, np.nan)))
    offer(page, state, [state.record(3.1)])
    page.until('liquidPilot.store.length === 2')
    page.press('o')
    assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
    assert page.problems == []


def test_a_page_too_many_is_told_so_and_comes_in_when_there_is_room(browser, serve):
    served = serve(max_viewers=1)
    first = browser.open(served.url, 800, 600)
    first.until(READY)
    second = browser.open(served.url, 800, 600)
    second.until('document.querySelector("#notice").textContent.startsWith("As many pages")')
    first.close()
    second.until('document.querySelector("#link").textContent !== "no connection"')
    second.until('document.querySelector("#notice").hidden && liquidPilot.store.length === 8')
    assert second.problems == []
    second.close()


@pytest.mark.parametrize('page', SCREENS, indirect=True)
def test_it_fits_every_screen_and_everything_has_a_name(page):
    assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
    assert page.evaluate(WITHOUT_NAME) == []
    small = page.evaluate(
        '[...document.querySelectorAll("button, select")].filter((each) => each.getClientRects()'
        '.length && each.getBoundingClientRect().height < 24).map((each) => each.outerHTML)'
    )
    assert small == [] and page.problems == []


def test_it_survives_the_restart_of_what_serves_it(browser, serve, state, flight):
    first = serve()
    port = first.server.port
    page = browser.open(first.url, 1000, 800)
    page.until(READY)
    first.server.close()
    page.until('document.querySelector("#link").textContent === "no connection"')
    # Another flight of the same pilot, from a process that has just begun.
    other = FlightState(History(100.0, 10.0))
    other.on_status(0.0, 'guard', Status(0, 'stopped', {'state': 'stopped', 'reason': 'asked'}))
    again = DashboardServer(DashboardSettings(port=port), other)
    again.start()
    try:
        page.served = type('Served', (), {'server': again})
        deadline = time.monotonic() + 20
        while not again.viewers.count:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        offer(page, other, show(other, flight[:4]), 0.1)
        page.until('document.querySelector("#guard-state").textContent.startsWith("stopped")')
        page.until('liquidPilot.store.length === 4')
        lost = 'ERR_CONNECTION_REFUSED'
        assert [
            text for text in page.problems if lost not in text and 'WebSocket' not in text
        ] == []
    finally:
        page.close()
        again.close()


def test_a_run_that_is_over_can_still_be_looked_through(browser, serve, state, flight):
    first = serve()
    port = first.server.port
    page = browser.open(first.url, 1000, 800)
    page.until(READY)
    page.served = first
    simulator = Status(0, '', {'state': 'mission 1', 'target_distance_m': '8.5', 'flight_s': '3.0'})
    state.on_status(0.4, 'simulator', simulator)
    for record in show(state, flight, 0.5):
        # A page that is slower than these would rightly miss some.
        offer(page, state, [record])
        page.until(f'liquidPilot.store.last === {record[0].number}')
    # With the pictures of before this page was open.
    page.until('liquidPilot.store.kept.size === 16')
    assert text(page, '#mission') == 'mission 1; 8.5 m to go, 3.0 s'
    first.server.close('The run is over')
    page.until('document.querySelector("#link").textContent === "run over"')
    assert text(page, '#notice').startswith('The run is over. This page keeps what it has received')
    assert 'report.html' in text(page, '#notice')
    last, early = flight[7].trace, flight[2].trace
    page.until(f'document.querySelector("#camera").dataset.stamp === "{last.stamp_ns}"')
    page.evaluate('liquidPilot.seek(liquidPilot.store.times[2])')
    page.until(f'document.querySelector("#camera").dataset.stamp === "{early.stamp_ns}"')
    page.press('l')
    assert page.evaluate('!liquidPilot.live && document.querySelector("#live").hidden')
    # The next run at the same address is shown as soon as it is there.
    other = FlightState(History(100.0, 10.0))
    again = DashboardServer(DashboardSettings(port=port), other)
    again.start()
    try:
        show(other, flight[:3])
        page.until('liquidPilot.live && document.querySelector("#link").textContent !== "run over"')
        page.until('liquidPilot.store.length === 3 && document.querySelector("#notice").hidden')
    finally:
        page.close()
        again.close()


@pytest.mark.realtime
def test_ten_pictures_a_second_are_drawn(page, state, flight):
    composer = Composer(state, page.served.server, 15.0)
    page.until('liquidPilot.live')
    before, began_s = page.evaluate('liquidPilot.frames'), time.monotonic()
    composer.start()
    try:
        for number in range(80):
            moment = flight[number % 8]
            trace = moment.trace._replace(flight='two', sequence=100 + number)
            state.on_picture(trace.stamp_ns, moment.image)
            state.on_status(composer.time_s(), 'guard', GUARD)
            state.on_trace(composer.time_s(), trace)
            time.sleep(0.05)
    finally:
        composer.close()
    rate_hz = (page.evaluate('liquidPilot.frames') - before) / (time.monotonic() - began_s)
    assert rate_hz >= 10.0 and page.problems == []
