"""The report of a recording: the flights in it, read into what the page of a run is made of."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from liquid_pilot.cli.common import check_bag, load_pilot
from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, LiquidPilotError
from liquid_pilot.utils.resources import shipped_pilots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liquid_pilot.evaluation.flight_report.run_folder import RunFolder
    from liquid_pilot.evaluation.recorded_flights import Flight, FlightCollector
    from liquid_pilot.learning.rosbag.flight_messages import FlightMessages
    from liquid_pilot.onboard.inference.trace import Trace
    from liquid_pilot.pilot_file import PilotFile

READERS = ('rosbags', 'zstandard', 'lz4')
"""Packages that reading a recording takes."""
_RECORDING, _KEPT, _PAGE = 'recording', 'flights', 'report.html'
_RUN_FILES = ('report.json', 'results.json')
_FRAMES_PER_STEP = 50
Progress = Callable[[int, int], None]
"""Callback that takes the number of bytes that are read, and of all."""


class Subject(NamedTuple):
    """What a report is made of."""

    run: Path | None
    """Run folder with a report.json or a results.json; None: there is nothing but a recording."""
    bag: Path | None
    """The recording that is read; None: it is not needed, or there is none."""
    page: Path
    """File that is written."""
    note: str = ''
    """What a reader has to know of the choice, as a sentence; empty: nothing."""


def subject_of(given: Path, page: Path | None = None) -> Subject:
    """Return what a run folder or a recording holds that a report can be made of.

    A run that kept its flights is told by them, and its recording is not read: both are of the same
    flights, and what was kept during the flight also knows the scene and the guard's every answer.

    Args:
        given: run folder, rosbag2 folder, or .mcap or .db3 file.
        page: file to write; None: report.html in the run folder, or a file beside the recording.

    Raises:
        LiquidPilotError: it is neither.
    """
    if not given.exists():
        raise LiquidPilotError(f'there is no {given}; name a run folder or a recording')
    folder, inside = given, given / _RECORDING
    if not inside.is_dir():
        # The recording of a run, or a file of it, stands for the run.
        inside = given if given.is_dir() else given.parent
        folder = inside.parent if inside.name == _RECORDING else given
    if any((folder / name).is_file() for name in _RUN_FILES):
        is_recorded = inside.is_dir() and inside.parent == folder and inside.name == _RECORDING
        target = page or folder / _PAGE
        if not is_recorded:
            return Subject(folder, None, target)
        if any((folder / _KEPT).glob('seed_*.npz')):
            note = f'{folder / _KEPT} was kept during the flight and is shown; {inside} is not read'
            return Subject(folder, None, target, note)
        check_bag(inside, 'RECORDING')
        return Subject(folder, inside, target, f'the flights are read from {inside}')
    bag = given / _RECORDING if (given / _RECORDING).is_dir() else given
    if bag.is_dir() and not any(bag.iterdir()):
        raise LiquidPilotError(f'{bag} holds no run: no report.json, and no recording')
    check_bag(bag, 'RECORDING')
    if bag.is_dir() and bag.name == _RECORDING:
        return Subject(None, bag, page or bag.parent / _PAGE)
    name = bag.name.removesuffix('.zstd').removesuffix('.mcap').removesuffix('.db3')
    # Beside the recording: one more file in its folder would make it another recording.
    return Subject(None, bag, page or bag.parent / f'{name}_{_PAGE}')


def read_subject(
    subject: Subject,
    pilot: str = '',
    namespace: str | None = None,
    on_progress: Progress | None = None,
) -> RunFolder:
    """Return what the page shows.

    Args:
        subject: what the report is made of.
        pilot: pilot that flew: name of a shipped one, or its folder; empty: a shipped one.
        namespace: namespace of the robot in the recording; None: the first one with a trace.
        on_progress: callback for the progress of reading a recording; None: there is none.

    Raises:
        LiquidPilotError: it cannot be read.
    """
    from liquid_pilot.evaluation.flight_report.run_folder import read_run

    if subject.bag is None:
        assert subject.run is not None
        return read_run(subject.run)
    from liquid_pilot.learning.rosbag.flight_messages import FlightMessages

    messages = FlightMessages(subject.bag, namespace)
    if subject.run is None:
        return _recording_alone(messages, pilot, on_progress)
    run = read_run(subject.run)
    from liquid_pilot.evaluation.recorded_flights import FlightCollector

    layouts = {one.seed: run.layout(one.seed) for one in run.missions}
    conditions = run.conditions if run.is_condition_known else None
    flown = _pilot_of(messages.traces, pilot)
    collector = FlightCollector(messages.traces, messages.markers, flown, conditions, layouts)
    flights = _collect(messages, collector, on_progress)
    run.recorded_flights = {one.mission.seed: one.record for one in flights if one.is_simulated}
    _add_problems(run, messages, flights)
    return run


def _recording_alone(
    messages: FlightMessages, pilot: str, on_progress: Progress | None
) -> RunFolder:
    """Return a recording as if it were a run."""
    from liquid_pilot.evaluation.flight_report.run_folder import RECORDING, RunFolder
    from liquid_pilot.evaluation.recorded_flights import FlightCollector

    flown = _pilot_of(messages.traces, pilot)
    collector = FlightCollector(messages.traces, messages.markers, flown)
    flights = _collect(messages, collector, on_progress)
    if not flights:
        topics = ', '.join(sorted(messages.bag.types)) or 'none'
        raise LiquidPilotError(
            f'{messages.bag.path} holds no flight: neither five ticks of pilot/trace nor images of '
            f'the camera (topics: {topics})'
            + (f'; it was read as far as possible: {messages.problem}' if messages.problem else '')
        )
    run = RunFolder(messages.bag.path)
    run.missions = [one.mission for one in flights]
    run.paths = {one.mission.seed: one.path for one in flights if len(one.path)}
    run.recorded_flights = {one.mission.seed: one.record for one in flights}
    if not all(one.is_simulated for one in flights):
        run.counted_by = 'flight'
    digest = messages.traces[0].digest if messages.traces else ''
    run.meta = {
        'mode': RECORDING,
        'recording': str(messages.bag.path),
        'started': _date(messages.began_ns),
        'digest': digest,
        'adapt': any(trace.gate.size for trace in messages.traces) if messages.traces else None,
    }
    if flown is not None:
        run.meta |= {
            'pilot': flown.specification.name,
            'pilot_path': str(flown.path),
            'vehicle': flown.specification.vehicle,
        }
    _add_problems(run, messages, flights)
    return run


def _pilot_of(traces: Sequence[Trace], name: str) -> PilotFile | None:
    """Return the pilot file that flew; None where it is not a shipped one."""
    from liquid_pilot import pilot_file

    digest = traces[0].digest if traces else ''
    if name:
        pilot = load_pilot(name, '--pilot')
        if digest and pilot.digest != digest:
            raise LiquidPilotError(
                f'the recording was made with the pilot {digest[:12]}, and {pilot.path} is '
                f'{pilot.digest[:12]}; name the one that flew by --pilot'
            )
        return pilot
    for path in shipped_pilots().values():
        if digest and (pilot := pilot_file.load(path)).digest == digest:
            return pilot
    return None


def _collect(
    messages: FlightMessages, collector: FlightCollector, on_progress: Progress | None
) -> list[Flight]:
    """Hand what the messages carry to the collector."""
    from liquid_pilot.evaluation.recorded_flights import NO_IMAGE
    from liquid_pilot.interfaces import CameraGeometry, Command, VehicleState
    from liquid_pilot.learning.rosbag.flight_messages import Frame, GuardReport
    from liquid_pilot.onboard.inference.trace import Trace

    size, has_images = messages.size, messages.has_images
    for count, value in enumerate(messages.values()):
        if isinstance(value, Frame):
            collector.on_frame(value.stamp_ns, value.image)
        elif isinstance(value, Trace):
            if not has_images:
                collector.on_frame(value.stamp_ns, NO_IMAGE)
        elif isinstance(value, VehicleState):
            collector.on_odometry(value)
        elif isinstance(value, Command):
            collector.on_output(value)
        elif isinstance(value, GuardReport):
            collector.on_guard(value.state, value.reason)
        elif isinstance(value, CameraGeometry):
            collector.on_camera(value)
        if on_progress is not None and count % _FRAMES_PER_STEP == 0:
            on_progress(messages.bag.position, size)
    return collector.finish()


def _add_problems(run: RunFolder, messages: FlightMessages, flights: Sequence[Flight]) -> None:
    """Say what the recording does not know, so that its place on the page is empty."""
    path = messages.bag.path
    if messages.problem:
        run.problems.append(f'The recording was read as far as possible: {messages.problem}.')
    elif messages.bag.unclosed:
        run.problems.append(
            f'{path} has no end: it was cut off while it was recorded. All of it that can be read '
            'is shown.'
        )
    if not messages.traces:
        run.problems.append(
            'The recording has no topic pilot/trace, without which nothing of the network is known.'
        )
    elif not run.meta.get('pilot'):
        run.problems.append(
            f'The pilot that flew has the digest {messages.traces[0].digest[:12]}, which is not '
            'that of a shipped one, so nothing is explained; name its folder by --pilot.'
        )
    if not messages.has_images:
        run.problems.append('The recording has no images of the camera.')
    if flights and not any(one.record.output.size for one in flights):
        run.problems.append(
            'The recording has no cmd_vel with stamps, so what the guard let through is not shown.'
        )


def _date(stamp_ns: int) -> str:
    # A recording of simulated time begins at its zero.
    if stamp_ns < NANOSECONDS_PER_SECOND * 86400 * 365:
        return 'unknown'
    return time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(stamp_ns / NANOSECONDS_PER_SECOND))
