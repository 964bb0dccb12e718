"""The processes of a flight, as data: which nodes run, with which parameters and remappings.

`launch/fly.launch.py` and `liquid-pilot fly` only translate it: both start what `nodes` returns in
the environment that `environment` adds to.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.common.process.parameter_files import parameters_of
from liquid_pilot.nodes.launch.flight_options import (
    GAZEBO,
    MUJOCO,
    SCENE,
    FlyOptions,
)
from liquid_pilot.nodes.launch.option_checks import has_statistics
from liquid_pilot.nodes.launch.repeat_command import repeat_command
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.utils.path_checks import user_path
from liquid_pilot.utils.processes.browser import OPEN, has_display
from liquid_pilot.utils.resources import PACKAGE, share_path

BRIDGE = 'config/gazebo_bridge.yaml'
"""The topics that ros_gz_bridge carries."""
_DEFAULTS = FlyOptions()


@dataclass(frozen=True)
class NodeSpec:
    """One process of the graph."""

    executable: str
    """Name for `ros2 run PACKAGE`; of this package, module `liquid_pilot.nodes.<executable>`."""
    name: str
    """Name of the node."""
    namespace: str = ''
    """Namespace of the node, without slashes at its ends."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that override those of the parameter files."""
    parameter_files: tuple[Path, ...] = ()
    """YAML files of parameters."""
    remappings: tuple[tuple[str, str], ...] = ()
    """Pairs of names: of the node, and in the graph."""
    log_level: str = 'warn'
    """Lowest level that the node prints."""
    required: bool = True
    """Whether the run ends, and fails, when this node ends before the run does. Where the node
    that ends the run is not required, the run goes on when a signal has killed it."""
    restarts: bool = False
    """Whether this node is started again when it ends before the run does."""
    matters: bool = True
    """Whether the run goes on but has failed when this node fails before the run ends."""
    ends_run: bool = False
    """Whether the run ends when this node ends, with its exit code."""
    ends_last: bool = False
    """Whether Ctrl-C ends this node only after the one that ends the run."""
    package: str = PACKAGE
    """ROS package of the executable."""
    arguments: tuple[str, ...] = ()
    """Arguments of the executable itself, before those of ROS."""

    @property
    def full_name(self) -> str:
        """The name of the node with its namespace, such as '/drone1/guard'."""
        return f'/{self.namespace}/{self.name}' if self.namespace else f'/{self.name}'


def nodes(options: FlyOptions, present: Mapping[str, str] = os.environ) -> list[NodeSpec]:
    """Return the processes of a flight.

    Args:
        options: options whose `out` comes from `run_folder.with_run_folder`.
        present: the environment, which says whether there is a screen.
    """
    opened = not options.headless and has_display(present)
    shown = options.dashboard or opened
    specs = [_guard(options)]
    if not options.demonstrate:
        specs.append(_pilot(options))
    if options.adapts:
        specs.append(_adaptation(options))
    if options.runs_missions:
        specs.append(_simulator(options, shown))
    if options.simulator == GAZEBO and options.bridge:
        specs.append(_bridge(options))
    if options.recorded:
        specs.append(_recorder(options))
    if shown:
        specs.append(_dashboard(options, opened))
    if options.visualization:
        specs.append(_visualization(options))
    namespace = options.namespace.strip('/')
    clock = _clock_remapping(options)
    return [
        dataclasses.replace(
            spec if options.simulated else on_vehicle(spec),
            namespace=namespace,
            log_level=options.log_level,
            remappings=spec.remappings + _sensor_remappings(options, spec.name) + clock,
        )
        for spec in specs
    ]


def on_vehicle(spec: NodeSpec) -> NodeSpec:
    """Return a node as it runs on a vehicle, where only the guard ends a run.

    The others are started again. A recorder is not, because its folder is written already; nor is
    a dashboard that opens a browser; nor is a scene: the run is over when its missions are, but one
    that is killed leaves the vehicle in flight, and the guard goes on.
    """
    if spec.name == 'guard':
        return spec
    restarts = spec.name not in ('recorder', 'scene') and OPEN not in spec.arguments
    return dataclasses.replace(spec, required=False, restarts=restarts)


def _guard(options: FlyOptions) -> NodeSpec:
    limits: dict[str, Any] = {}
    if options.vehicle != _DEFAULTS.vehicle:
        # Limits that a person has written into a file of their own count for any vehicle.
        own = _own_parameters(options, 'guard')
        limits = {
            name: value
            for name, value in vehicle_limits(options.vehicle).items()
            if name not in own
        }
    return NodeSpec(
        'guard',
        'guard',
        parameters={
            **_clock(options),
            'lockstep': options.lockstep,
            # The embedded simulator engages before the first frame, and its sensors are well.
            **({'preflight': False} if options.simulator == MUJOCO else {}),
            **_adapter(options),
            **options.lesson_parameters('guard'),
            **limits,
        },
        parameter_files=_files(options),
    )


def vehicle_limits(vehicle: str) -> dict[str, Any]:
    """Return the limits of a vehicle class as parameters of the guard."""
    limits = dataclasses.asdict(get_vehicle(vehicle).limits)
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in limits.items()
    }


def _pilot(options: FlyOptions) -> NodeSpec:
    return NodeSpec(
        'pilot',
        'pilot',
        parameters={
            **_clock(options),
            'lockstep': options.lockstep,
            **_pilot_name(options),
            'vehicle': options.vehicle,
            'adaptation': options.adapts,
            **options.lesson_parameters('pilot'),
        },
        parameter_files=_files(options),
        remappings=options.image_remapping + options.camera_info_remapping,
    )


def _adaptation(options: FlyOptions) -> NodeSpec:
    # In lock-step each mission starts as trained, so that its outcome depends on its seed alone.
    discard = {'keep_on_pilot_reset': False} if options.lockstep else {}
    return NodeSpec(
        'adaptation',
        'adaptation',
        parameters={
            **_clock(options),
            **_pilot_name(options),
            **discard,
            **options.lesson_parameters('adaptation'),
        },
        parameter_files=_files(options),
        required=False,
    )


def _simulator(options: FlyOptions, shown: bool) -> NodeSpec:
    parameters: dict[str, Any] = {
        **_pilot_name(options),
        'adapt': options.adapts,
        **_changed(options, 'missions', 'seed', 'vehicle', 'condition'),
        'out': options.out,
        'command': repeat_command(options),
    }
    if options.recorded:
        parameters['recorded_image_topic'] = options.camera_topic
    if options.visualization:
        parameters['visualized'] = True
    if shown and find_spec('aiohttp') is not None:
        parameters['page'] = True
    if options.simulator == GAZEBO:
        name = 'gazebo'
        parameters.update(_clock(options), **_changed(options, 'gui'))
    elif options.simulator == SCENE:
        name = 'scene'
        parameters.update(_clock(options), **_changed(options, 'anchor', 'engage'))
    else:
        name = 'simulator'
        parameters.update(
            _adapter(options),
            **_changed(options, 'realtime', 'demonstrate'),
            **options.lesson_parameters('simulator'),
            publish_clock=options.sim_time,
        )
    return NodeSpec(
        name, name, parameters=parameters, parameter_files=_files(options), ends_run=True
    )


def _bridge(options: FlyOptions) -> NodeSpec:
    return NodeSpec(
        'parameter_bridge',
        'gazebo_bridge',
        parameters={'config_file': str(share_path(BRIDGE))},
        package='ros_gz_bridge',
    )


def _recorder(options: FlyOptions) -> NodeSpec:
    return NodeSpec(
        'recorder',
        'recorder',
        parameters={
            **_clock(options),
            'path': str(Path(options.out) / 'recording'),
            'image_topic': options.camera_topic,
        },
        parameter_files=_files(options),
        required=options.demonstrate,
        # The simulator publishes the end of the mission that Ctrl-C interrupts.
        ends_last=True,
    )


def _dashboard(options: FlyOptions, opened: bool) -> NodeSpec:
    return NodeSpec(
        'dashboard',
        'dashboard',
        parameters={
            **_clock(options),
            **({} if options.pilot == 'auto' else {'pilot': options.pilot}),
            **_changed(options, 'condition', 'vehicle'),
        },
        arguments=(OPEN,) if opened else (),
        parameter_files=_files(options),
        remappings=options.image_remapping + options.camera_info_remapping,
        required=False,
        matters=False,
    )


def _visualization(options: FlyOptions) -> NodeSpec:
    return NodeSpec(
        'visualization',
        'visualization',
        parameters={
            **_clock(options),
            **({'pilot': ''} if options.demonstrate else _pilot_name(options)),
            **_changed(options, 'vehicle', 'condition'),
            **({'anchor': options.anchor} if options.simulator == SCENE else {}),
            **({'frame_prefix': f'{space}/'} if (space := options.namespace.strip('/')) else {}),
            # Where they are on a vehicle elsewhere is not known; a scene has the simulated camera.
            **({} if options.simulated else {'imu_pose': ''}),
            **({} if options.runs_missions else {'camera_pose': ''}),
        },
        parameter_files=_files(options),
        required=False,
        matters=False,
    )


def _sensor_remappings(options: FlyOptions, name: str) -> tuple[tuple[str, str], ...]:
    """Return the remappings of a node to the odometry and the IMU of a vehicle elsewhere."""
    return tuple(
        (topic, target)
        for topic, target, users in (
            (topics.IMU, options.imu_topic, ('pilot', 'recorder')),
            (topics.ODOMETRY, options.odom_topic, ('guard', 'recorder', 'dashboard')),
            (topics.ODOMETRY, options.scene_odometry, ('scene', 'visualization')),
        )
        if target and target != topic and name in users
    )


def _files(options: FlyOptions) -> tuple[Path, ...]:
    if options.params_file:
        return (user_path(options.params_file).resolve(),)
    return (share_path('config/fly.yaml'),)


def _own_parameters(options: FlyOptions, node: str) -> dict[str, Any]:
    """Return what the user's parameter file sets for a node."""
    if not options.params_file:
        return {}
    namespace = options.namespace.strip('/')
    name = f'/{namespace}/{node}' if namespace else f'/{node}'
    return parameters_of(user_path(options.params_file), [name])[name]


def _clock(options: FlyOptions) -> dict[str, Any]:
    return {'use_sim_time': options.sim_time}


def _clock_remapping(options: FlyOptions) -> tuple[tuple[str, str], ...]:
    """Return the remapping of /clock: one pair, or none when it has its usual name."""
    topic = options.resolved_clock_topic
    return () if topic == topics.CLOCK else ((topics.CLOCK, topic),)


def _pilot_name(options: FlyOptions) -> dict[str, Any]:
    if options.vehicle == _DEFAULTS.vehicle and options.pilot == 'auto':
        return {}
    return {'pilot': options.pilot_name}


def _adapter(options: FlyOptions) -> dict[str, Any]:
    if options.simulator != GAZEBO and options.adapter == 'auto':
        return {}
    return {'adapter': options.resolved_adapter}


def _changed(options: FlyOptions, *names: str) -> dict[str, Any]:
    """Return the options that differ from their defaults; the parameter file decides the others."""
    return {
        name: getattr(options, name)
        for name in names
        if getattr(options, name) != getattr(_DEFAULTS, name)
    }


def startup_notice(options: FlyOptions) -> str:
    """Return the notice for the user before the flight; empty: there is none."""
    if not options.adapt or options.demonstrate or has_statistics(options.pilot_name) is not False:
        return ''
    return (
        f'{options.pilot_name} holds no statistics of its training, so it does not adapt; '
        '`liquid-pilot fit-statistics` adds them'
    )


def elsewhere(options: FlyOptions) -> str:
    """Return in words what is not started with a flight, because it is elsewhere."""
    if options.runs_missions:
        return 'a scene around a vehicle that is elsewhere'
    return 'camera, IMU and vehicle that are elsewhere'


def engage_notice(options: FlyOptions) -> str:
    """Return how a person lets a pilot fly that nothing engages by itself."""
    if options.engage:
        return (
            'The scene engages the guard for each mission, as soon as the vehicle is at rest; you '
            'arm it and take off. To stop: `liquid-pilot stop`, or Ctrl-C here'
        )
    verb = 'drive' if get_vehicle(options.vehicle).drives else 'fly'
    namespace = options.namespace.strip('/')
    service = f'/{namespace}/{topics.GUARD_ENGAGE}' if namespace else f'/{topics.GUARD_ENGAGE}'
    own = f' --namespace {namespace}' if namespace else ''
    return (
        f'The guard is disengaged: the vehicle gets no command. To {verb}: '
        f'`liquid-pilot engage{own}`, or `ros2 service call {service} std_srvs/srv/SetBool '
        "'{data: true}'`; to stop: `liquid-pilot stop" + own + '`, or Ctrl-C here'
    )


def launch_notice(options: FlyOptions) -> str:
    """Return what `ros2 launch` prints before the flight; empty: nothing."""
    engage = '' if options.simulated else engage_notice(options)
    return '\n'.join(filter(None, (startup_notice(options), engage)))
