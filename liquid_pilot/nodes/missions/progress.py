"""Progress of a run on the console: a live line, a line per mission, and a table at the end.

On a terminal the line of the current mission is redrawn in place. Elsewhere (in a file or under
`ros2 launch`) a plain line is printed periodically instead.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from liquid_pilot.evaluation.report import format_duration, not_counted, summarise
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.utils.foreign_text import plain_lines
from liquid_pilot.utils.palette import OUTCOMES
from liquid_pilot.utils.tables import terminal_table

_REDRAW_S = 0.125
_PLAIN_S = 5.0
_STALL_PERIOD_S = 2.0
_RATE_WINDOW_S = 1.0


class MissionProgress:
    """Context manager that shows the live line of a run."""

    def __init__(
        self, missions: int, console: Console | None = None, *, drives: bool = False
    ) -> None:
        """Prepare the display.

        Args:
            missions: number of missions.
            console: the console; None: standard output.
            drives: whether the vehicle stays on the ground, and so does not fly.
        """
        self._moving, self._moved = ('driving', 'driven') if drives else ('flying', 'flown')
        # Without a terminal rich would cut lines at 80 columns.
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._missions = missions
        self._name = self._guard_note = ''
        self._shown_s = 0.0
        self._warned_s = 0.0
        self._ticks = 0
        self._mark = (time.monotonic(), 0, 0.0)
        self._rate = ''

    def __enter__(self) -> MissionProgress:
        if self._console.is_terminal:
            self._live = Live(
                console=self._console,
                transient=True,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def print_line(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(escape(plain_lines(text)))

    def waiting(self, text: str) -> None:
        """Show why no mission is in progress."""
        self._draw(Text(f'... {text}', style='dim'), plain=f'... {text}')

    def building(self, index: int, seed: int) -> None:
        """Show that a mission begins.

        Args:
            index: number of the mission, from 0.
            seed: seed of the mission.
        """
        self._name = f'mission {index + 1}/{self._missions}  seed {seed}'
        self._ticks, self._rate, self._shown_s = 0, '', 0.0
        self._draw(Text(f'{self._name}  building the world', style='dim'), plain='')

    def flying(
        self, flight_s: float, distance_m: float, problem: str, guard_note: str = ''
    ) -> None:
        """Show one tick; the line is redrawn at most a few times per second.

        Args:
            flight_s: time since the start of the mission.
            distance_m: distance to the target.
            problem: problems that nodes report; empty: none.
            guard_note: why the guard lets no command through; empty: it does. A change of it is
                shown at once.
        """
        self._ticks += 1
        now_s = time.monotonic()
        if self._ticks == 1:
            self._mark = (now_s, 0, flight_s)
        mark_s, mark_ticks, mark_flight_s = self._mark
        if now_s - mark_s >= _RATE_WINDOW_S:
            wall_s = now_s - mark_s
            self._rate = (
                f'{(flight_s - mark_flight_s) / wall_s:.1f} x real time, '
                f'{(self._ticks - mark_ticks) / wall_s:.0f} Hz'
            )
            self._mark = (now_s, self._ticks, flight_s)
        period_s = _REDRAW_S if self._live is not None else _PLAIN_S
        if now_s - self._shown_s < period_s and guard_note == self._guard_note:
            return
        self._shown_s, self._guard_note = now_s, guard_note
        state = guard_note or (f'warning: {problem}' if problem else self._moving)
        text = f'{self._name}  {distance_m:5.1f} m to go  {flight_s:5.1f} s  {state}  {self._rate}'
        self._draw(Text(text.rstrip()), plain=text.rstrip())

    def stalled(self, text: str) -> None:
        """Show that the flight stalls, with the reason as far as it is known."""
        now_s = time.monotonic()
        if now_s - self._shown_s > (_REDRAW_S if self._live is not None else _STALL_PERIOD_S):
            self._shown_s = now_s
            line = f'{self._name}  stalled: {text}'
            self._draw(Text(line, style='yellow'), plain=line)

    def behind_real_time(self, late_s: float) -> None:
        """Print, in real time, that the machine does not keep up."""
        now_s = time.monotonic()
        if now_s - self._warned_s > 5.0:
            self._warned_s = now_s
            self.print_line(
                f'the machine does not keep up with real time: {1e3 * late_s:.0f} ms late'
            )

    def finished(self, result: MissionResult) -> None:
        """Print the result of a mission."""
        style = OUTCOMES[result.outcome].colour
        self._console.print(
            f'{escape(self._name)}  [{style}]{result.outcome}[/]  '
            f'{format_duration(result.duration_s)}, {result.distance_flown_m:.1f} m {self._moved}'
            + ('' if result.outcome == 'success' else f'  ({escape(result.reason)})')
        )

    def table(self, results: Sequence[MissionResult], files: Sequence[Path]) -> None:
        """Print all results, the success rate, and the files of the report.

        Args:
            results: results of all missions.
            files: files of the report; empty: none were written.
        """
        table = terminal_table(
            ('seed', 'outcome', 'duration', self._moved, 'to target', 'reason'),
            left=('outcome', 'reason'),
        )
        for result in results:
            target_m = result.target_distance_m
            table.add_row(
                str(result.seed),
                f'[{OUTCOMES[result.outcome].colour}]{result.outcome}[/]',
                format_duration(result.duration_s),
                f'{result.distance_flown_m:.1f} m',
                '-' if math.isnan(target_m) else f'{target_m:.1f} m',
                escape(result.reason),
            )
        summary = summarise(results)
        low, high = summary['wilson_95']
        self._console.print()
        self._console.print(table)
        self._console.print()
        if summary['trials']:
            self._console.print(
                f'{summary["successes"]} of {summary["trials"]} missions succeeded: '
                f'{100 * summary["success_rate"]:.0f} % (95 % interval {100 * low:.0f} to '
                f'{100 * high:.0f} %)' + not_counted(summary)
            )
        elif left_out := not_counted(summary):
            self._console.print(f'no mission counts{left_out}')
        if files:
            names = ', '.join(file.name for file in files)
            self._console.print(escape(f'{files[0].parent}: {names}'))

    def _draw(self, text: Text, plain: str) -> None:
        if self._live is not None:
            self._live.update(text, refresh=True)
        elif plain:
            self._console.print(escape(plain))
