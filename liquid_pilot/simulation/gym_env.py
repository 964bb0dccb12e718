"""The forest as a `gymnasium.Env`, for those who train by other means than imitation.

    import gymnasium, liquid_pilot.simulation.environment
    env = gymnasium.make('liquid_pilot/Forest-v0')

An observation is what the pilot has: the frame and the mean IMU reading since the frame before.
An action is what the pilot commands: forward, left and up velocity in m/s and yaw rate in rad/s,
in the heading frame. The reward is the progress towards the target in metres, plus 10 for
arriving and minus 10 for a crash.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from liquid_pilot.interfaces import Command, LiquidPilotError, SensorPacket
from liquid_pilot.onboard.perception.imu import mean_imu
from liquid_pilot.onboard.vehicles.registry import VEHICLE_LIMITS
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.simulator import Simulation

ARRIVAL_REWARD = 10.0


class ForestEnv(gymnasium.Env):
    """Fly to the red chair through a seeded forest, one control period (50 ms) a step.

    `reset(seed=n)` draws the forest n; without a seed a new forest is drawn from the
    environment's own random stream. `info` holds the ground truth that a score may use and a
    policy must not: position, target distance, outcome.
    """

    metadata = {'render_modes': ['rgb_array'], 'render_fps': 20}  # noqa: RUF012 - gymnasium's way

    def __init__(
        self,
        render_mode: str | None = None,
        settings: SimulationSettings | None = None,
        rules: MissionRules | None = None,
    ) -> None:
        if render_mode not in (None, *self.metadata['render_modes']):
            raise LiquidPilotError(
                f'render_mode {render_mode!r}: there is only {self.metadata["render_modes"]}'
            )
        self.render_mode = render_mode
        self._simulation = Simulation(settings)
        self._rules = rules
        self._mission: Mission | None = None
        self._packet: SensorPacket | None = None
        s = self._simulation.settings
        self.observation_space = spaces.Dict(
            {
                'image': spaces.Box(0, 255, (s.camera_height, s.camera_width, 3), np.uint8),
                'imu': spaces.Box(-np.inf, np.inf, (6,), np.float32),
            }
        )
        maximum = np.array(VEHICLE_LIMITS[s.vehicle].maximum, np.float32)
        self.action_space = spaces.Box(-maximum, maximum, dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Hover at the start of a forest."""
        super().reset(seed=seed)
        forest = seed if seed is not None else int(self.np_random.integers(2**31))
        self._packet = self._simulation.reset(forest)
        self._frame = self._packet.observation.image
        rules = self._rules or self._simulation.task.rules
        self._mission = Mission(forest, self._simulation.layout, rules)
        self._mission.update(self._packet)
        return self._observation(), self._info()

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Fly one control period; a mission that ran out of time is truncated."""
        if self._mission is None:
            raise LiquidPilotError('call reset before step')
        before = self._packet.target_distance_m
        action = np.clip(action, self.action_space.low, self.action_space.high)
        command = Command(self._packet.stamp_ns, *np.asarray(action, float).tolist())
        self._packet = self._simulation.advance(command)
        if self._packet.observation is not None:
            self._frame = self._packet.observation.image
        outcome = self._mission.update(self._packet)
        reward = before - self._packet.target_distance_m
        reward += {'success': ARRIVAL_REWARD, 'crash': -ARRIVAL_REWARD}.get(outcome, 0.0)
        ended, cut = outcome in ('success', 'crash'), outcome == 'timeout'
        return self._observation(), float(reward), ended, cut, self._info()

    def render(self) -> np.ndarray | None:
        """The camera's frame, (H, W, 3) uint8, when `render_mode` is 'rgb_array'."""
        if self.render_mode is None or self._packet is None:
            return None
        return self._image()

    def close(self) -> None:
        """Free the OpenGL context."""
        self._simulation.close()

    def _image(self) -> np.ndarray:
        """The newest frame: a condition may keep the one of this period back."""
        image = self._frame
        return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3).copy()

    def _observation(self) -> dict[str, np.ndarray]:
        return {'image': self._image(), 'imu': mean_imu(self._packet.imu).astype(np.float32)}

    def _info(self) -> dict[str, Any]:
        return {
            'outcome': self._mission.outcome,
            'reason': self._mission.reason,
            'target_distance_m': self._packet.target_distance_m,
            'position_enu_m': self._packet.state.position_enu_m,
        }


if 'liquid_pilot/Forest-v0' not in gymnasium.registry:
    gymnasium.register('liquid_pilot/Forest-v0', entry_point=ForestEnv)
