"""The arguments of a flight, and the check of which choices go together.

`launch/fly.launch.py` and `liquid-pilot fly` take their arguments from the fields of `FlyOptions`.
Messages write them as launch does, NAME:=VALUE; the command line translates that. Nothing heavy is
imported here, so that `--help` is quick.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.launch.option_checks import check_topic, has_statistics
from liquid_pilot.onboard.setpoints.registry import ADAPTERS
from liquid_pilot.onboard.teaching.settings import NO_LESSON, TeachingSettings, needs_of
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.utils.entry_points import Choices
from liquid_pilot.utils.path_checks import check_readable_file, user_path
from liquid_pilot.utils.settings import check_all, declared_settings, setting, setting_from

MUJOCO, GAZEBO, SCENE = 'mujoco', 'gazebo', 'scene'
"""Values of `simulator`; the fourth is 'none'."""
_NAMESPACE = re.compile(r'/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*/?', re.ASCII)
_OF_GAZEBO = ('gui', 'bridge')
"""Options that mean something in Gazebo only."""
_OF_A_SCENE = ('anchor', 'engage', 'scene_odom_topic')
"""Options that mean something in a scene around a vehicle that is elsewhere only."""
_OF_A_SIMULATION = ('missions', 'seed', 'condition', 'realtime', *_OF_GAZEBO, *_OF_A_SCENE)
"""Options that mean something in a simulator only."""
_OF_A_VEHICLE = ('odom_topic', 'imu_topic')
"""Options that mean something where the vehicle is elsewhere only."""
_TOPICS_OF_A_VEHICLE = (*_OF_A_VEHICLE, 'scene_odom_topic')


@dataclass(frozen=True)
class RunOptions:
    """Arguments that a simulated flight and a real vehicle have in common."""

    pilot: str = setting_from(
        FlightSettings,
        'pilot',
        default='auto',
        description='pilot that flies: name of a shipped one, or its folder; auto: that of the '
        'vehicle class',
    )
    vehicle: str = setting_from(FlightSettings, 'vehicle')
    adapt: bool = setting(
        True,
        'adapt online if the pilot file contains adaptation statistics: photometric match, '
        'temporal filter, novelty gate, and the adaptation node; false: fly exactly as trained '
        '(docs/explanation/adaptation.md)',
    )
    lesson: str = setting_from(TeachingSettings, 'lesson')
    record: bool = setting(False, 'record the topics as a rosbag2 folder in the run folder')
    dashboard: bool = setting(
        False,
        'show the flight on a web page of this machine, whose address is printed at the start '
        '(docs/how_to/inside/watch.md)',
    )
    visualization: bool = setting(
        False,
        'publish transforms, course, path and neurons in the types that RViz, Foxglove, '
        'PlotJuggler and Rerun show (docs/how_to/inside/view.md)',
    )
    out: str = setting_from(
        FlightSettings,
        'out',
        description='run folder for report, pictures and recording; empty: runs/<date and time>',
    )
    namespace: str = setting('', 'namespace of all nodes and topics')
    params_file: str = setting(
        '', 'YAML file with node parameters; empty: config/fly.yaml, which lists them all'
    )
    log_level: str = setting_from(FlightSettings, 'log_level')

    def flight_options(self) -> FlyOptions:
        """Return the options of the part of the graph that every flight has."""
        raise NotImplementedError


Options = TypeVar('Options', bound=RunOptions)


@dataclass(frozen=True)
class FlyOptions(RunOptions):
    """Arguments of a flight: of the launch file by these names, of the command with dashes."""

    simulator: str = setting(
        MUJOCO,
        'mujoco: the embedded simulator; gazebo: Gazebo, where ros_gz is installed '
        '(docs/how_to/gazebo.md); scene: a camera that is drawn from the odometry of a vehicle '
        'elsewhere (docs/how_to/scene.md); none: camera, IMU and vehicle are elsewhere',
        choices=(MUJOCO, GAZEBO, SCENE, 'none'),
    )
    adapter: str = setting(
        'auto',
        'setpoint that the guard sends: cmd_vel (body velocity), or attitude_thrust, which needs '
        'odometry; for a vehicle that is elsewhere also that of an autopilot '
        '(docs/how_to/autopilots.md); auto: gazebo in Gazebo, else cmd_vel',
        choices=Choices(('auto',), ADAPTERS),
    )
    missions: int = setting_from(FlightSettings, 'missions')
    seed: int = setting_from(FlightSettings, 'seed')
    condition: str = setting_from(FlightSettings, 'condition')
    realtime: bool = setting_from(FlightSettings, 'realtime')
    headless: bool = setting(
        False,
        'open nothing on the screen; without it, and with a screen, the web page of the flight is '
        'served and opened in the browser (docs/how_to/inside/watch.md)',
    )
    gui: bool = setting_from(FlightSettings, 'gui')
    bridge: bool = setting(
        True,
        'Gazebo: start ros_gz_bridge; false: another bridge carries the topics of '
        'config/gazebo_bridge.yaml',
    )
    anchor: str = setting_from(FlightSettings, 'anchor')
    engage: bool = setting_from(FlightSettings, 'engage')
    odom_topic: str = setting(
        '', 'odometry of a vehicle that is elsewhere, such as that of MAVROS; empty: odom'
    )
    imu_topic: str = setting('', 'IMU of a vehicle that is elsewhere; empty: imu/data')
    scene_odom_topic: str = setting(
        '',
        'odometry from which the scene is drawn, where this is not what the vehicle estimates: '
        'the true pose of a simulation, or motion capture; empty: that of the guard',
    )
    demonstrate: bool = setting_from(
        FlightSettings,
        'demonstrate',
        description='the expert, which knows the map, flies in place of the pilot, with noise '
        'added to its commands; the run is recorded for training',
    )
    camera_topic: str = setting_from(
        FlightSettings,
        'image_topic',
        description='image topic that the pilot flies on; a node of your own between camera and '
        'pilot publishes it',
    )
    camera_info_topic: str = setting(
        '',
        'camera_info of camera_topic; empty: camera/camera_info, or, without a simulator, the one '
        'in the namespace of camera_topic',
    )
    use_sim_time: str = setting(
        'auto',
        'take the time from /clock; auto: true exactly when the vehicle is simulated',
        choices=('auto', 'true', 'false'),
    )

    clock_topic: str = setting(
        topics.CLOCK,
        'topic of the simulated time; simulated robots in namespaces of one ROS domain need one '
        'each: `clock` is that of the namespace',
    )

    def __post_init__(self) -> None:
        """Refuse options that cannot be flown, before anything starts.

        Raises:
            LiquidPilotError: names the option that is wrong, or the two that exclude each other.
        """
        check_all(self)
        self._check_vehicle()
        self._check_demonstration()
        self._check_simulator()
        self._check_conditions()
        self._check_lesson()
        if self.namespace and not _NAMESPACE.fullmatch(self.namespace):
            raise LiquidPilotError(
                f'namespace {self.namespace!r} is not valid: use letters, digits and _, parts '
                'joined by /, none beginning with a digit'
            )
        check_topic('camera_topic', self.camera_topic)
        if self.camera_info_topic:
            check_topic('camera_info_topic', self.camera_info_topic)
        check_topic('clock_topic', self.clock_topic)
        for name in _TOPICS_OF_A_VEHICLE:
            if getattr(self, name):
                check_topic(name, getattr(self, name))
        if self.params_file:
            check_readable_file(user_path(self.params_file), 'params_file')

    def _check_vehicle(self) -> None:
        vehicle = get_vehicle(self.vehicle)
        if self.simulator == GAZEBO and not vehicle.gazebo_adapter:
            raise LiquidPilotError(
                f'vehicle {self.vehicle} has no world in Gazebo; use simulator:={MUJOCO}'
            )
        accepted = self._accepted_adapters()
        if self.resolved_adapter not in accepted:
            raise LiquidPilotError(
                f'adapter {self.adapter} is not for a {self.vehicle} in simulator:='
                f'{self.simulator}, which takes {" or ".join(accepted)}; leave adapter:= out, or '
                'set simulator:=none for a vehicle that is elsewhere'
            )
        if self.pilot == 'auto' and not vehicle.default_pilot and not self.demonstrate:
            raise LiquidPilotError(
                f'no pilot for a {self.vehicle} is shipped yet; train one '
                '(docs/tutorials/training.md) and name it by pilot:='
            )

    def _check_demonstration(self) -> None:
        if not self.demonstrate:
            return
        if any(condition.family == 'latency' for condition in parse(self.condition)):
            raise LiquidPilotError(
                'demonstrate: the expert acts on the true state, not on a late frame; '
                'leave latency out of condition:='
            )
        if not self.lockstep:
            raise LiquidPilotError(
                'demonstrate needs the embedded simulator, in lock-step; to '
                'record your own robot, use `liquid-pilot record`'
            )
        if self.pilot != 'auto':
            raise LiquidPilotError(
                f'pilot {self.pilot} would not steer: with demonstrate:=true the expert does; '
                'leave one of them out (`liquid-pilot demonstrate --pilot` lets a pilot steer and '
                'the expert label)'
            )

    def _check_lesson(self) -> None:
        if self.lesson == NO_LESSON:
            return
        if self.lockstep:
            raise LiquidPilotError(
                f'lesson {self.lesson}: nothing can be taught or learned in lock-step; set '
                'realtime:=true'
            )
        if not self.adapt:
            raise LiquidPilotError(
                f'lesson {self.lesson}: the adaptation node learns it; leave adapt:=false out'
            )

    def _check_simulator(self) -> None:
        if not self.runs_missions:
            changed = self._changed(_OF_A_SIMULATION)
            if changed:
                raise LiquidPilotError(
                    f'simulator:=none runs no missions, so it has no use for {changed}; leave '
                    'that out, or use a simulator'
                )
            return
        for names, simulators in (
            (_OF_GAZEBO, (GAZEBO,)),
            (_OF_A_SCENE, (SCENE,)),
            (_OF_A_VEHICLE, (SCENE, 'none')),
        ):
            changed = self._changed(names)
            if changed and self.simulator not in simulators:
                raise LiquidPilotError(
                    f'simulator:={self.simulator} has no use for {changed}; leave that out, or '
                    f'set simulator:={" or ".join(simulators)}'
                )
        clock = {GAZEBO: 'a clock of its own', SCENE: 'the wall clock'}.get(self.simulator, '')
        if self.realtime and clock:
            raise LiquidPilotError(
                f'simulator:={self.simulator} always runs on {clock}, so it has no use for '
                'realtime:=true; leave that out'
            )

    def _changed(self, names: tuple[str, ...]) -> str:
        """Return the options among these that are not at their default, as launch writes them."""
        declared = declared_settings(type(self))
        return ' and '.join(
            f'{name}:={str(value).lower() if isinstance(value, bool) else value}'
            for name in names
            if (value := getattr(self, name)) != declared[name].default
        )

    def _check_conditions(self) -> None:
        conditions = parse(self.condition)
        if not conditions or not self.runs_missions:
            return
        # Imported here, because the tasks import all scenes, and most flights are in clear air.
        from liquid_pilot.simulation.conditions.drawn import check_drawn
        from liquid_pilot.simulation.conditions.severities import strength
        from liquid_pilot.simulation.gazebo import world
        from liquid_pilot.simulation.tasks.registry import check_conditions

        try:
            check_conditions(self.vehicle, conditions)
            for condition in conditions:
                strength(condition)
        except LiquidPilotError as error:
            raise LiquidPilotError(f'condition: {error}') from None
        if self.simulator == GAZEBO:
            world.check_conditions(conditions)
        if self.simulator == SCENE:
            check_drawn(conditions)

    def flight_options(self) -> FlyOptions:
        """Return these options, which are all about the flight."""
        return self

    @property
    def resolved_adapter(self) -> str:
        """The adapter of the guard."""
        return self._accepted_adapters()[0] if self.adapter == 'auto' else self.adapter

    def _accepted_adapters(self) -> tuple[str, ...]:
        """The adapters whose setpoints the vehicle takes, the default one first."""
        if self.simulator == GAZEBO:
            return (get_vehicle(self.vehicle).gazebo_adapter,)
        if self.simulator == MUJOCO:
            return get_vehicle(self.vehicle).adapters
        return tuple(ADAPTERS)

    def lesson_parameters(self, node: str) -> dict[str, str | bool]:
        """Return the parameters of a node for the lesson; none without a lesson."""
        if self.lesson == NO_LESSON:
            return {}
        if node == 'guard':
            # Where it is simulated, nobody has a remote control of the vehicle.
            return {'forward_hand': True} if self.simulated else {'rc_hand': True}
        if node == 'pilot':
            return {'lesson': self.lesson}
        if node == 'simulator':
            return {'publish_expert': True}
        folder = str(Path(self.out) / 'taught')
        taught: dict[str, str | bool] = {'lesson': self.lesson, 'taught_pilot': folder}
        # Nobody is there to accept what no teacher has taught.
        return taught if needs_of(self.lesson).hand else {**taught, 'lesson_live': True}

    @property
    def simulated(self) -> bool:
        """Whether the vehicle is simulated by this package or by Gazebo."""
        return self.simulator in (MUJOCO, GAZEBO)

    @property
    def runs_missions(self) -> bool:
        """Whether missions are flown, in a simulator or by a vehicle that is elsewhere."""
        return self.simulator != 'none'

    @property
    def lockstep(self) -> bool:
        """Whether the simulator waits for each command."""
        return self.simulator == MUJOCO and not self.realtime

    @property
    def recorded(self) -> bool:
        """Whether a recorder runs."""
        return self.record or self.demonstrate

    @property
    def pilot_name(self) -> str:
        """The pilot that flies, unless the parameter file names another."""
        return get_vehicle(self.vehicle).default_pilot if self.pilot == 'auto' else self.pilot

    @property
    def adapts(self) -> bool:
        """Whether the pilot adapts: `adapt` is set and the pilot file has the statistics."""
        return self.adapt and not self.demonstrate and has_statistics(self.pilot_name) is True

    @property
    def sim_time(self) -> bool:
        """Whether nodes take their time from /clock."""
        if self.use_sim_time == 'auto':
            return self.simulated
        return self.use_sim_time == 'true'

    @property
    def resolved_clock_topic(self) -> str:
        """The full name of the topic of the simulated time."""
        if self.clock_topic.startswith('/'):
            return self.clock_topic
        return '/' + '/'.join(filter(None, (self.namespace.strip('/'), self.clock_topic)))

    @property
    def scene_odometry(self) -> str:
        """The topic of the odometry from which a scene is drawn."""
        return self.scene_odom_topic or self.odom_topic or topics.ODOMETRY

    @property
    def image_remapping(self) -> tuple[tuple[str, str], ...]:
        """The remapping of the image topic: one pair, or none when it has its default name."""
        return () if self.camera_topic == topics.IMAGE else ((topics.IMAGE, self.camera_topic),)

    @property
    def camera_info_remapping(self) -> tuple[tuple[str, str], ...]:
        """The remapping of the camera_info topic: one pair, or none."""
        topic = self.camera_info_topic
        if not topic and self.image_remapping and not self.runs_missions:
            parent, slash, _ = self.camera_topic.rpartition('/')
            topic = f'{parent}{slash}camera_info'
        return ((topics.CAMERA_INFO, topic),) if topic else ()
