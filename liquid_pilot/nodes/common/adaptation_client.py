"""The pilot node's side of adaptation: its parameters, and the time constants it is told."""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass

from std_msgs.msg import Float32MultiArray

from liquid_pilot.nodes.common import trace_messages
from liquid_pilot.nodes.common.parameters import parameter
from liquid_pilot.onboard.adaptation.frontend import FrontendSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.adaptation.time_scales import TimeScales, TimeScaleStore
from liquid_pilot.onboard.inference.engine import Engine, Tick

_FRONTEND_DEFAULTS, _GATE_DEFAULTS = FrontendSettings(), NoveltyGateSettings()


def new_flight_id() -> str:
    """A name for what begins when the network starts anew, told apart from all others."""
    return secrets.token_hex(8)


@dataclass(frozen=True)
class FrontendParameters:
    """Parameters of what stands before the core when a pilot adapts."""

    adaptation: bool = parameter(
        False,
        'adapt: photometric match, receptors and surprise gate before the network, and time '
        'constants from the adaptation node; false: fly exactly as trained',
    )
    photometric: bool = parameter(
        _FRONTEND_DEFAULTS.photometric,
        'bring the mean and contrast of the picture back to those of training (preprocessing)',
        live=True,
    )
    receptors: bool = parameter(
        _FRONTEND_DEFAULTS.receptors,
        'receptors between picture and encoder; false: the encoder sees the frame',
        live=True,
    )
    follow_rotation: bool = parameter(
        _FRONTEND_DEFAULTS.follow_rotation,
        'what the receptors hold moves with the picture when the gyroscope '
        'says that the camera turns',
        live=True,
    )
    reject_novel_frames: bool = parameter(
        _FRONTEND_DEFAULTS.reject_novel_frames,
        'frames that the surprise gate refuses leave no trace',
        live=True,
    )
    slow_core_on_novelty: bool = parameter(
        _FRONTEND_DEFAULTS.slow_core_on_novelty,
        "the surprise gate stretches the core's time constants",
        live=True,
    )
    stretch: float = parameter(
        _FRONTEND_DEFAULTS.stretch, 'by this factor', low=1.0, high=100.0, live=True
    )
    slowdown_on_blindness: bool = parameter(
        _FRONTEND_DEFAULTS.slowdown_on_blindness, 'slow down while frames are refused', live=True
    )
    slowdown_on_blindness_after_s: float = parameter(
        _FRONTEND_DEFAULTS.slowdown_on_blindness_after_s,
        'from so long after the last believed frame',
        's',
        low=0.0,
        high=10.0,
        live=True,
    )
    slowdown_on_blindness_time_constant_s: float = parameter(
        _FRONTEND_DEFAULTS.slowdown_on_blindness_time_constant_s,
        'time constant by which the command then fades',
        's',
        low=0.01,
        high=10.0,
        live=True,
    )
    govern: bool = parameter(
        _FRONTEND_DEFAULTS.govern, 'a car drives slower where its tyres give way', live=True
    )
    leak_friction_exponent: float = parameter(
        _FRONTEND_DEFAULTS.leak_friction_exponent,
        "a car's core leaks more there: log(gleak) rises by so much times -log(share of grip)",
        low=0.0,
        high=10.0,
        live=True,
    )
    carry_sensitivities: bool = parameter(
        _FRONTEND_DEFAULTS.carry_sensitivities,
        "carry the core's sensitivities along, for the learner's slow part",
        live=True,
    )
    gate_margin: float = parameter(
        _GATE_DEFAULTS.margin,
        'a frame may be this factor beyond what training shows',
        low=1.0,
        high=100.0,
        live=True,
    )
    gate_relative: float = parameter(
        _GATE_DEFAULTS.relative,
        'and this factor beyond what is usual in this flight',
        low=1.0,
        high=100.0,
        live=True,
    )
    max_rejection_s: float = parameter(
        _GATE_DEFAULTS.max_rejection_s,
        'a surprise that lasts longer is the new world',
        's',
        low=0.0,
        high=60.0,
        live=True,
    )
    adaptation_timeout_s: float = parameter(
        2.0,
        'in lock-step: fly on as trained when the adaptation node is silent for this long',
        's',
        low=0.1,
        high=60.0,
        live=True,
    )

    def front(self) -> FrontendSettings | None:
        """As the engine takes it; None: no adaptation."""
        if not self.adaptation:
            return None
        own = {
            setting.name: getattr(self, setting.name)
            for setting in dataclasses.fields(FrontendSettings)
            if setting.name != 'gate'
        }
        return FrontendSettings(
            **own,
            gate=NoveltyGateSettings(
                margin=self.gate_margin,
                relative=self.gate_relative,
                max_rejection_s=self.max_rejection_s,
            ),
        )


class AdaptationClient:
    """Follows the time constants that the adaptation node tells, flight by flight."""

    def __init__(self, engine: Engine) -> None:
        self._digest = engine.pilot.digest
        self._keeper = TimeScaleStore(
            engine.pilot.training_statistics.receptor_tau_s.shape, engine.scalable_neurons
        )
        self.begin('')

    def begin(self, flight: str) -> None:
        """The network starts anew."""
        self._flight = flight
        self._keeper.reset()
        self._sequence, self._last_dt_s = 0, 0.0
        self._next: TimeScales | None = None
        self._asked_s: float | None = None
        self.alone = False
        """Whether it flies without waiting for the adaptation node."""

    def take(self, message: Float32MultiArray) -> bool:
        """Time constants; whether they were for this flight. LiquidPilotError when they are bad."""
        flight, proposal = trace_messages.unpack_time_scales(message, self._digest)
        if flight != self._flight:
            return False
        self._keeper.accept(proposal, self._sequence)
        self._next = self._asked_s = None
        self.alone = False
        return True

    def flown(self, tick: Tick, now_s: float) -> None:
        """A tick was made at steady time `now_s`, and its trace is on its way."""
        self._sequence += 1
        self._last_dt_s = tick.dt_s
        if self._asked_s is None:
            self._asked_s = now_s
        self._next = None

    @property
    def pending(self) -> bool:
        """Whether the last tick has not been answered yet."""
        return self._sequence > 0 and self._keeper.answered < self._sequence

    def is_overdue(self, now_s: float, timeout_s: float) -> bool:
        """Whether no answer has come for longer than that."""
        return self._asked_s is not None and now_s - self._asked_s > timeout_s

    def scales(self) -> TimeScales | None:
        """For the next tick; the same again when that tick was refused."""
        if not self._sequence:
            return None
        if self._next is None:
            self._next = self._keeper.scales(self._sequence, self._last_dt_s)
        return self._next
