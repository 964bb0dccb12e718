"""The tasks as a `gymnasium.Env`, for training by other methods than imitation.

    import gymnasium, liquid_pilot.simulation.gym_env
    env = gymnasium.make('liquid_pilot/Forest-v0')

An observation has the inputs of a pilot: the frame, and the mean IMU reading since the last frame.
An action has the outputs of a pilot: forward, left and up velocity (m/s) and yaw rate (rad/s), in
the heading frame. The reward is the progress towards the target in metres, plus 10 for arriving
and minus 10 for a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from liquid_pilot.interfaces import Command, ImageBuffer, LiquidPilotError, SensorPacket
from liquid_pilot.onboard.perception.imu import mean_imu
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.simulator import Simulation

ARRIVAL_REWARD = 10.0
"""Reward for arriving, and negative reward for a crash."""
EnvObservation = dict[str, Any]
"""'image': (H, W, 3) uint8 RGB; 'imu': (6,) float32 mean rates (rad/s) and forces (m/s^2), FLU."""


@dataclass
class _Episode:
    """The state of one episode."""

    mission: Mission
    packet: SensorPacket
    frame: ImageBuffer
    """Newest frame: a condition may keep back the one of this period."""


class ForestEnv(gymnasium.Env[EnvObservation, npt.NDArray[np.float32]]):
    """A seeded flight to the red chair through a forest, one control period (50 ms) per step.

    `reset(seed=n)` draws the forest n. Without a seed the environment's own random stream draws a
    new forest. `info` has ground truth that a score may use and a policy must not: position,
    distance to the target, outcome. With the settings of another vehicle it is that vehicle's task.

    Args:
        render_mode: 'rgb_array', or None.
        settings: settings of the simulator; None: the default ones.
        rules: rules of success; None: those of the vehicle's task.

    >>> import numpy as np
    >>> env = ForestEnv()
    >>> observation, info = env.reset(seed=7)
    >>> observation['image'].shape, observation['imu'].shape
    ((144, 256, 3), (6,))
    >>> action = np.float32([1.0, 0.0, 0.0, 0.2])
    >>> observation, reward, terminated, truncated, info = env.step(action)
    >>> terminated, truncated, info['outcome']
    (False, False, None)
    >>> env.close()
    """

    metadata = {'render_modes': ['rgb_array'], 'render_fps': 20}  # noqa: RUF012 - gymnasium's API

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
        self._episode: _Episode | None = None
        s = self._simulation.settings
        self.observation_space = spaces.Dict(
            {
                'image': spaces.Box(0, 255, (s.camera_height, s.camera_width, 3), np.uint8),
                'imu': spaces.Box(-np.inf, np.inf, (6,), np.float32),
            }
        )
        maximum = np.array(get_vehicle_limits(s.vehicle).maximum, np.float32)
        self._max_action = maximum
        self.action_space = spaces.Box(-maximum, maximum, dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[EnvObservation, dict[str, Any]]:
        """Start an episode, at rest at the start of a scene.

        Args:
            seed: seed of the scene; None: it is drawn.
            options: ignored.
        """
        super().reset(seed=seed)
        scene_seed = seed if seed is not None else int(self.np_random.integers(2**31))
        packet = self._simulation.reset(scene_seed)
        assert packet.observation is not None  # the first frame always arrives
        rules = self._rules or self._simulation.task.rules
        mission = Mission(scene_seed, self._simulation.layout, rules)
        mission.update(packet)
        self._episode = _Episode(mission, packet, packet.observation.image)
        return _observation(self._episode), _info(self._episode)

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[EnvObservation, float, bool, bool, dict[str, Any]]:
        """Simulate one control period.

        Args:
            action: (4,) forward, left, up (m/s) and yaw rate (rad/s); it is clipped to the limits.

        Returns:
            The observation, the reward, whether the mission succeeded or crashed, whether it ran
            out of time, and the ground truth.

        Raises:
            LiquidPilotError: if `reset` was not called.
        """
        episode = self._episode
        if episode is None:
            raise LiquidPilotError('call reset before step')
        before_m = episode.packet.target_distance_m
        action = np.clip(action, -self._max_action, self._max_action)
        command = Command(episode.packet.stamp_ns, *np.asarray(action, float).tolist())
        packet = episode.packet = self._simulation.advance(command)
        if packet.observation is not None:
            episode.frame = packet.observation.image
        outcome = episode.mission.update(packet)
        reward = before_m - packet.target_distance_m
        if outcome == 'success':
            reward += ARRIVAL_REWARD
        elif outcome == 'crash':
            reward -= ARRIVAL_REWARD
        terminated, truncated = outcome in ('success', 'crash'), outcome == 'timeout'
        return _observation(episode), float(reward), terminated, truncated, _info(episode)

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Return the newest frame, (H, W, 3) uint8, if `render_mode` is 'rgb_array'."""
        if self.render_mode is None or self._episode is None:
            return None
        return _picture(self._episode)

    def close(self) -> None:
        """Free textures, meshes and buffers."""
        self._simulation.close()


def _picture(episode: _Episode) -> npt.NDArray[np.uint8]:
    frame = episode.frame
    return np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 3).copy()


def _observation(episode: _Episode) -> EnvObservation:
    return {'image': _picture(episode), 'imu': mean_imu(episode.packet.imu).astype(np.float32)}


def _info(episode: _Episode) -> dict[str, Any]:
    return {
        'outcome': episode.mission.outcome,
        'reason': episode.mission.reason,
        'target_distance_m': episode.packet.target_distance_m,
        'position_enu_m': episode.packet.state.position_enu_m,
    }


if 'liquid_pilot/Forest-v0' not in gymnasium.registry:
    gymnasium.register(
        'liquid_pilot/Forest-v0', entry_point='liquid_pilot.simulation.gym_env:ForestEnv'
    )
