"""The book of a lesson: accept, undo, discard and reset."""

import numpy as np
import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.correction import TrustRegion
from liquid_pilot.onboard.teaching.lesson import LessonTick
from liquid_pilot.onboard.teaching.lesson_book import LessonBook
from liquid_pilot.onboard.teaching.readout_lesson import ReadoutLesson


@pytest.fixture
def book():
    return LessonBook(ReadoutLesson(np.eye(3), motors=2), TrustRegion())


def teach(book, value, ticks=40):
    for _ in range(ticks):
        state, hand = np.array([0.5, -0.5]), np.array([value, -value])
        book.lesson.observe(LessonTick(0.05, state, state, np.zeros(2), hand))
    return book.learned


def test_nothing_flies_until_it_is_accepted(book):
    learned = teach(book, 0.3)
    assert not learned.is_none and book.accepted.is_none
    assert book.accept().equals(learned) and book.accepted.equals(learned)
    assert book.steps == 1


def test_undo_takes_back_the_last_step_and_goes_on_from_there(book):
    teach(book, 0.3)
    first = book.accept()
    kept = book.lesson.save()
    teach(book, -0.3)
    second = book.accept()
    assert not second.equals(first)
    assert book.undo().equals(first) and book.accepted.equals(first)
    again = book.lesson.save()
    assert all(np.array_equal(kept[name], again[name]) for name in kept)
    assert book.undo().is_none and book.lesson.correction.is_none and book.steps == 0
    with pytest.raises(LiquidPilotError, match='nothing was accepted'):
        book.undo()


def test_what_was_not_accepted_can_be_undone_and_discarded(book):
    teach(book, 0.3)
    assert book.undo().is_none and book.lesson.correction.is_none
    teach(book, 0.3)
    accepted = book.accept()
    teach(book, -0.3)
    book.discard()
    assert book.lesson.correction.equals(accepted) and book.accepted.equals(accepted)


def test_nothing_new_is_not_accepted(book):
    with pytest.raises(LiquidPilotError, match=r'nothing was learned.*take over and show'):
        book.accept()
    teach(book, 0.3)
    book.accept()
    with pytest.raises(LiquidPilotError, match='nothing was learned'):
        book.accept()


def test_reset_is_the_pilot_as_trained(book):
    teach(book, 0.3)
    book.accept()
    book.reset()
    assert book.accepted.is_none and book.lesson.correction.is_none and book.steps == 0
