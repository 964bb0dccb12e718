"""The book of a lesson: what of it is accepted, and the way back."""

from __future__ import annotations

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.correction import Correction, TrustRegion
from liquid_pilot.onboard.teaching.lesson import FloatArray, Lesson


class LessonBook:
    """Keeps what was accepted of a lesson, step by step; nothing else flies unless it is live.

    Args:
        lesson: the lesson, with nothing learned yet.
        trust_region: the bounds of what flies.
    """

    def __init__(self, lesson: Lesson, trust_region: TrustRegion) -> None:
        self.lesson = lesson
        """The lesson; it goes on learning whatever is accepted."""
        self._trust_region = trust_region
        self._nothing = lesson.correction
        self._accepted: list[tuple[Correction, dict[str, FloatArray]]] = []

    @property
    def learned(self) -> Correction:
        """What has been learned so far, within the bounds."""
        return self._trust_region.bounded(self.lesson.correction)

    @property
    def accepted(self) -> Correction:
        """The correction that was accepted last; one of zeros where none is."""
        return self._accepted[-1][0] if self._accepted else self._nothing

    @property
    def steps(self) -> int:
        """How many times something was accepted and not undone."""
        return len(self._accepted)

    def accept(self) -> Correction:
        """Accept what has been learned so far; returns it.

        Raises:
            LiquidPilotError: nothing was learned since the last time.
        """
        correction = self.learned
        if correction.equals(self.accepted):
            raise LiquidPilotError(
                'nothing was learned since the last time; take over and show what you want'
            )
        self._accepted.append((correction, self.lesson.save()))
        return correction

    def undo(self) -> Correction:
        """Take back what was accepted last, and what was learned since; returns what flies then.

        Raises:
            LiquidPilotError: nothing is accepted, and nothing was learned.
        """
        if self._accepted:
            self._accepted.pop()
        elif self.lesson.taught_s == 0.0:
            raise LiquidPilotError('nothing was accepted: the pilot flies as trained')
        self._restore()
        return self.accepted

    def discard(self) -> None:
        """Forget what was learned since something was accepted."""
        self._restore()

    def reset(self) -> None:
        """Forget everything: the pilot flies as trained."""
        self._accepted.clear()
        self.lesson.reset()

    def _restore(self) -> None:
        self.lesson.reset()
        if self._accepted:
            self.lesson.restore(self._accepted[-1][1])
