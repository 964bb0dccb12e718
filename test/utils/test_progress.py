"""The progress display: a line for each stage, and nothing without a terminal where so asked."""

import io
import math

from rich.console import Console

from liquid_pilot.utils.progress import make_progress, progress_display


def console():
    """A console that is no terminal: the last state of the display is written once."""
    return Console(file=io.StringIO(), force_terminal=False, width=100)


def lines(screen):
    return [line.rstrip() for line in screen.file.getvalue().splitlines() if line.strip()]


def test_each_stage_has_a_line_with_count_and_loss():
    screen = console()
    with progress_display(screen) as announce:
        announce('encoder', 1, 2, 0.5)
        announce('encoder', 2, 2, 0.25)
        announce('core', 3, 4, math.nan)
    encoder, core = lines(screen)
    assert 'encoder' in encoder and '2/2' in encoder and encoder.endswith('loss 0.2500')
    assert 'core' in core and '3/4' in core and 'loss' not in core


def test_a_stage_that_begins_again_gets_a_line_of_its_own():
    screen = console()
    with progress_display(screen) as announce:
        for _ in range(2):
            announce('data', 1, 2, math.nan)
            announce('data', 2, 2, math.nan)
    assert ['data' in line and '2/2' in line for line in lines(screen)] == [True, True]


def test_a_transient_display_writes_nothing_without_a_terminal():
    for transient in (True, False):
        screen = console()
        with progress_display(screen, percent=True, transient=transient) as announce:
            announce('bag', 250, 1000, math.nan)
        assert ('25%' in screen.file.getvalue()) is not transient


def test_a_note_is_shown_at_the_end_of_a_line():
    screen = console()
    with make_progress(screen) as progress:
        task = progress.add_task('missions', total=3)
        progress.update(task, completed=1, note='20 ticks/s')
    (line,) = lines(screen)
    assert '1/3' in line and line.endswith('20 ticks/s')
