"""Which nodes run, with which parameters and remappings, as data.

`launch/fly.launch.py` and `liquid-pilot fly` only translate it: both take their arguments from the
fields of FlyOptions, and start what `nodes` returns in the environment that `environment` adds to.
Only the standard library is needed here, so that `--help` is quick.
"""

from __future__ import annotations

import dataclasses
import re
import time
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.setpoints.registry import ADAPTERS
from liquid_pilot.onboard.vehicles.registry import VEHICLES, get_vehicle
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.utils.resources import PACKAGE, share_path

IMAGE_TOPIC = 'camera/image_raw'
MUJOCO, GAZEBO = 'mujoco', 'gazebo'
BRIDGE = 'config/gazebo_bridge.yaml'
Options = typing.TypeVar('Options')
_NAMESPACE = re.compile(r'/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*/?')
_TOPIC = re.compile(r'[~/]?[A-Za-z_]\w*(/[A-Za-z_]\w*)*')


def option(default: Any, description: str, choices: tuple[str, ...] = ()) -> Any:
    """A field of a dataclass of options, as the CLI and launch files show it."""
    return field(default=default, metadata={'description': description, 'choices': choices})


def check_choices(options: Any) -> None:
    """LiquidPilotError for the first option that is none of its choices."""
    for field_ in dataclasses.fields(options):
        choices, value = field_.metadata['choices'], getattr(options, field_.name)
        if choices and value not in choices:
            raise LiquidPilotError(
                f'{field_.name} must be one of {", ".join(choices)}, not {value!r}'
            )


def from_strings(kind: type[Options], values: Mapping[str, str]) -> Options:
    """Options from texts, as launch has them; LiquidPilotError names what cannot be read."""
    kinds = typing.get_type_hints(kind)
    read: dict[str, Any] = {}
    for name, text in values.items():
        wanted = kinds[name]
        try:
            read[name] = _boolean(text) if wanted is bool else wanted(text)
        except ValueError:
            words = {bool: 'true or false', int: 'a whole number', float: 'a number'}
            raise LiquidPilotError(f'{name} must be {words[wanted]}, not {text!r}') from None
    return kind(**read)


@dataclass(frozen=True)
class FlyOptions:
    """Arguments of a flight: of the launch file by these names, of the CLI with dashes."""

    simulator: str = option(
        MUJOCO,
        'mujoco: the embedded simulator; gazebo: Gazebo, where ros_gz is installed '
        '(docs/gazebo.md); none: camera, IMU and vehicle are elsewhere',
        (MUJOCO, GAZEBO, 'none'),
    )
    pilot: str = option(
        'auto',
        'pilot that flies: name of a shipped one, or its folder; auto: that of its class '
        'of vehicle',
    )
    vehicle: str = option(
        'quadrotor', 'class of vehicle: its limits and safe command', tuple(VEHICLES)
    )
    adapter: str = option(
        'auto',
        'what the guard sends: cmd_vel (body velocity), or attitude_thrust, which '
        'needs odometry; without a simulator also to an autopilot (docs/autopilots.md); auto: '
        'gazebo in Gazebo, else cmd_vel',
        ('auto', *ADAPTERS),
    )
    missions: int = option(3, 'how many missions the simulator flies')
    seed: int = option(0, 'forest of the first mission; the next ones follow it')
    condition: str = option(
        'clear',
        "what makes the flights harder, such as 'snow:4@3s+wind:2': snow of severity 4 "
        'from 3 s on, and wind; docs/conditions.md lists them',
    )
    adapt: bool = option(
        True,
        'adapt in flight, if the pilot file holds what it adapts by: photometric match, '
        'receptors, surprise gate, and the adaptation node; otherwise exactly as trained '
        '(docs/adaptation.md)',
    )
    realtime: bool = option(
        False,
        'fly on the wall clock, as on a vehicle; otherwise in lock-step, as fast as it goes '
        'and with the same outcome every time',
    )
    headless: bool = option(False, 'without the window that shows what the camera sees')
    gui: bool = option(False, "with Gazebo's own window, a new one for every mission")
    bridge: bool = option(
        True,
        'Gazebo: start ros_gz_bridge; false: something else bridges what '
        'config/gazebo_bridge.yaml lists',
    )
    record: bool = option(False, 'record the topics as a rosbag2 folder in the run folder')
    demonstrate: bool = option(
        False,
        'the expert, which knows the map, flies in place of the pilot, with noise injected '
        'into its commands, and the run is recorded to be learnt from',
    )
    out: str = option('', 'run folder for report and pictures; empty: runs/<date and time>')
    camera_topic: str = option(
        IMAGE_TOPIC,
        'image topic that the pilot flies on; a node of your own between camera and '
        'pilot publishes it',
    )
    camera_info_topic: str = option(
        '',
        'camera_info that goes with it; empty: camera/camera_info, or, without a simulator, '
        'the one beside camera_topic',
    )
    namespace: str = option('', 'namespace of all nodes and topics')
    use_sim_time: str = option(
        'auto',
        'time from /clock; auto: true exactly when a simulator runs',
        ('auto', 'true', 'false'),
    )
    params_file: str = option(
        '', 'YAML file with node parameters; empty: config/fly.yaml, which lists them all'
    )
    log_level: str = option('warn', 'what the nodes print', ('debug', 'info', 'warn', 'error'))

    def __post_init__(self) -> None:
        """Refuse what cannot be flown, before anything starts."""
        check_choices(self)
        if self.simulator == GAZEBO and not get_vehicle(self.vehicle).gazebo:
            raise LiquidPilotError(f'there is no world of a {self.vehicle} for Gazebo')
        taken = self._accepted_adapters()
        if self.output not in taken:
            raise LiquidPilotError(
                f'the simulator {self.simulator} takes {" or ".join(taken)}, not '
                f'{self.adapter}; that is for simulator:=none'
            )
        if self.missions < 1:
            raise LiquidPilotError(f'missions must be at least 1, not {self.missions}')
        if self.seed < 0:
            raise LiquidPilotError(f'seed must be at least 0, not {self.seed}')
        if self.pilot == 'auto' and not get_vehicle(self.vehicle).pilot and not self.demonstrate:
            raise LiquidPilotError(
                f'no pilot for a {self.vehicle} is shipped yet: train one '
                '(docs/training.md) and name it with pilot'
            )
        late = any(condition.family == 'latency' for condition in parse(self.condition))
        if self.demonstrate and late:
            raise LiquidPilotError(
                'demonstrate: the expert answers what is, not a late frame; '
                'leave latency out of the condition'
            )
        if self.namespace and not _NAMESPACE.fullmatch(self.namespace):
            raise LiquidPilotError(
                f'namespace {self.namespace!r} is not one: letters, digits and _, parts joined '
                'by /, none beginning with a digit'
            )
        for name in ('camera_topic', 'camera_info_topic'):
            topic = getattr(self, name)
            if not _TOPIC.fullmatch(topic) and (topic or name == 'camera_topic'):
                raise LiquidPilotError(f'{name} {topic!r} is not the name of a topic')
        if self.demonstrate and not self.lockstep:
            raise LiquidPilotError(
                'demonstrate needs the embedded simulator, in lock-step; to '
                'record your own robot, use `liquid-pilot record`'
            )
        if self.params_file and not Path(self.params_file).expanduser().is_file():
            raise LiquidPilotError(f'params_file {self.params_file!r} is not a file')

    @property
    def output(self) -> str:
        """The guard's adapter."""
        return self._accepted_adapters()[0] if self.adapter == 'auto' else self.adapter

    def _accepted_adapters(self) -> tuple[str, ...]:
        """The adapters whose commands the vehicle takes, the usual one first."""
        if self.simulator == GAZEBO:
            return (get_vehicle(self.vehicle).gazebo,)
        if self.simulator == MUJOCO:
            return get_vehicle(self.vehicle).adapters
        return tuple(ADAPTERS)

    @property
    def simulated(self) -> bool:
        """Whether a simulator runs."""
        return self.simulator != 'none'

    @property
    def lockstep(self) -> bool:
        """Whether the simulator waits for each command."""
        return self.simulator == MUJOCO and not self.realtime

    @property
    def pilot_name(self) -> str:
        """The pilot that flies, unless the parameter file names another."""
        return get_vehicle(self.vehicle).pilot if self.pilot == 'auto' else self.pilot

    @property
    def adapts(self) -> bool:
        """Whether the pilot adapts: it may, and its file holds what it adapts by."""
        return self.adapt and not self.demonstrate and _has_statistics(self.pilot_name) is True

    @property
    def sim_time(self) -> bool:
        """Whether nodes take their time from /clock."""
        if self.use_sim_time == 'auto':
            return self.simulated
        return self.use_sim_time == 'true'


@dataclass(frozen=True)
class NodeSpec:
    """One process of the graph."""

    executable: str
    """As `ros2 run PACKAGE` has it; of ours, module `liquid_pilot.nodes.<executable>`."""
    name: str
    namespace: str = ''
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Values that go over those of the parameter file."""
    parameter_files: tuple[Path, ...] = ()
    remappings: tuple[tuple[str, str], ...] = ()
    log_level: str = 'warn'
    required: bool = True
    """When it ends before the run does, the run has failed."""
    ends_run: bool = False
    """When it ends, the run ends, with its exit code."""
    package: str = PACKAGE
    arguments: tuple[str, ...] = ()
    """Of its own, before those of ROS."""


def with_run_folder(options: Options) -> Options:
    """The options with `out` made absolute; LiquidPilotError when it holds a run already."""
    if options.out:
        folder = Path(options.out).expanduser().resolve()
    else:
        first = Path('runs') / time.strftime('%Y-%m-%d_%H-%M-%S')
        folder, count = first.resolve(), 1
        while folder.exists():
            count += 1
            folder = first.with_name(f'{first.name}_{count}').resolve()
    if folder.exists() and not folder.is_dir():
        raise LiquidPilotError(f'out: {folder} is not a folder')
    for name in ('report.json', 'recording'):
        if (folder / name).exists():
            raise LiquidPilotError(
                f'out: {folder} holds a run already ({name}); choose another folder'
            )
    return dataclasses.replace(options, out=str(folder))


def nodes(options: FlyOptions) -> list[NodeSpec]:
    """The processes of a flight. `options.out` should come from `with_run_folder`."""
    config = (
        Path(options.params_file).expanduser().resolve()
        if options.params_file
        else share_path('config/fly.yaml')
    )
    common = {
        'namespace': options.namespace.strip('/'),
        'parameter_files': (config,),
        'log_level': options.log_level,
    }
    clock = {'use_sim_time': options.sim_time}
    lockstep = {'lockstep': options.lockstep}
    kind, defaults = get_vehicle(options.vehicle), FlyOptions()
    gazebo = options.simulator == GAZEBO
    adapter = {'adapter': options.output} if gazebo or options.adapter != 'auto' else {}

    def given(**values: Any) -> dict[str, Any]:
        """An option left at its default leaves the parameter file its say."""
        return {
            name: value
            for name, value in values.items()
            if getattr(options, name) != getattr(defaults, name)
        }

    camera = () if options.camera_topic == IMAGE_TOPIC else ((IMAGE_TOPIC, options.camera_topic),)
    info_topic = options.camera_info_topic
    if not info_topic and camera and not options.simulated:
        info_topic = options.camera_topic.rpartition('/')[0] + '/camera_info'
        info_topic = info_topic if '/' in options.camera_topic else 'camera_info'
    info = (('camera/camera_info', info_topic),) if info_topic else ()
    other = options.vehicle != defaults.vehicle
    vehicle_limits = (
        {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(kind.limits).items()
        }
        if other
        else {}
    )
    pilot = {'pilot': options.pilot_name} if other or options.pilot != 'auto' else {}
    adapts = options.adapts

    recorded = options.record or options.demonstrate
    # The embedded simulator engages before the first frame, and what it simulates is well.
    embedded = {'preflight': False} if options.simulator == MUJOCO else {}
    specs = [
        NodeSpec(
            'guard',
            'guard',
            parameters={**clock, **lockstep, **embedded, **adapter, **vehicle_limits},
            **common,
        )
    ]
    if not options.demonstrate:
        specs.append(
            NodeSpec(
                'pilot',
                'pilot',
                parameters={
                    **clock,
                    **lockstep,
                    **pilot,
                    'vehicle': options.vehicle,
                    'adaptation': adapts,
                },
                remappings=camera + info,
                **common,
            )
        )
    if adapts:
        # Simulated missions are flown each for itself.
        forget = {'keep_on_pilot_reset': False} if options.lockstep else {}
        specs.append(
            NodeSpec(
                'adaptation',
                'adaptation',
                parameters={**clock, **pilot, **forget},
                required=False,
                **common,
            )
        )
    if options.simulated:
        own = {
            **pilot,
            'adapt': adapts,
            **given(
                missions=options.missions,
                seed=options.seed,
                vehicle=options.vehicle,
                condition=options.condition,
            ),
        }
        if recorded:
            own['recorded'] = options.camera_topic
        if gazebo:
            own.update(clock, **given(gui=options.gui))
        else:
            own.update(
                adapter,
                **given(realtime=options.realtime, demonstrate=options.demonstrate),
                publish_clock=options.sim_time,
            )
        name = GAZEBO if gazebo else 'simulator'
        specs.append(
            NodeSpec(name, name, parameters={**own, 'out': options.out}, ends_run=True, **common)
        )
    if gazebo and options.bridge:
        specs.append(
            NodeSpec(
                'parameter_bridge',
                'gazebo_bridge',
                package='ros_gz_bridge',
                parameters={'config_file': str(share_path(BRIDGE))},
                **{**common, 'parameter_files': ()},
            )
        )
    if recorded:
        specs.append(
            NodeSpec(
                'recorder',
                'recorder',
                parameters={
                    **clock,
                    'path': str(Path(options.out) / 'recording'),
                    'image_topic': options.camera_topic,
                },
                required=options.demonstrate,
                **common,
            )
        )
    if not options.headless:
        specs.append(
            NodeSpec(
                'viewer',
                'viewer',
                parameters={**clock},
                remappings=camera,
                required=False,
                **common,
            )
        )
    return specs


def _has_statistics(pilot: str) -> bool | None:
    """Whether a pilot's file has those of its training; None: there is no such pilot."""
    from liquid_pilot import pilot_file

    try:
        return (pilot_file.resolve(pilot) / pilot_file.STATISTICS_FILE).is_file()
    except LiquidPilotError:
        # The pilot node will say so.
        return None


def startup_notice(options: FlyOptions) -> str:
    """What a user should know before the flight; empty: nothing."""
    if not options.adapt or options.demonstrate or _has_statistics(options.pilot_name) is not False:
        return ''
    return (
        f'{options.pilot_name} holds no statistics of its training, so it flies as trained, '
        'without adapting; `liquid-pilot familiarise` adds them'
    )


def environment(options: FlyOptions, present: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment `present` of the nodes; nothing that is set is changed."""
    added = {name: '1' for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS')}
    # glibc otherwise gives each image's memory back and asks for it again.
    added['MALLOC_MMAP_THRESHOLD_'] = '33554432'
    if options.simulator == GAZEBO:
        added['GZ_IP'] = '127.0.0.1'
    if options.simulated:
        # Simulated drones stay on this machine unless the user wants them elsewhere.
        added['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
        stays = present.get('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST') == 'LOCALHOST'
        fast_dds = present.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp') == 'rmw_fastrtps_cpp'
        profiles = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
        if stays and fast_dds and not any(name in present for name in profiles):
            added.update(dict.fromkeys(profiles, str(share_path('config/fastdds.xml'))))
    return {name: value for name, value in added.items() if name not in present}


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in ('true', '1', 'yes', 'on'):
        return True
    if lowered in ('false', '0', 'no', 'off'):
        return False
    raise ValueError(text)
