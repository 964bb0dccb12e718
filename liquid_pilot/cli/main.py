"""The command line: `liquid-pilot VERB`, one verb per job.

A verb imports what it needs when it runs, so that help is there at once and a machine that only
flies needs no torch.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType

from liquid_pilot.cli import (
    dataset,
    demonstrate,
    evaluate,
    fit_statistics,
    import_ncps,
    record,
    train,
    world,
)
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch import flight_graph
from liquid_pilot.utils.resources import PACKAGE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code. What is wrong by the user's doing is one line."""
    parsed = _parser().parse_args(arguments)
    try:
        code = parsed.run(parsed)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # `liquid-pilot inspect ... | head`: the reader has gone, and Python must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except LiquidPilotError as error:
        print(f'liquid-pilot: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='liquid-pilot',
        description='Flies a drone from its camera and IMU with a liquid neural network.',
    )
    parser.add_argument('--version', action='version', version=f'%(prog)s {_version()}')
    verbs = parser.add_subparsers(title='verbs', metavar='VERB', required=True)
    _add_fly(verbs)
    _add(
        verbs,
        'evaluate',
        'fly many missions without ROS',
        evaluate,
        'Flies missions in this process or several, without ROS, as fast as they go. The outcome '
        'of a seed is the same as through ROS in lock-step.',
    )
    _add(
        verbs,
        'demonstrate',
        'fly demonstrations to learn from',
        demonstrate,
        'An expert that knows the map flies the simulated forest with noise in its commands, and '
        'what it would have done is written down for every frame.',
    )
    _add(
        verbs,
        'train',
        'make a pilot from demonstrations',
        train,
        'Trains a pilot: encoder, core, perhaps DAgger, and a pilot file at the end; from '
        'demonstrations, from recorded flights, or from nothing.',
    )
    _add(
        verbs,
        'record',
        'record a running robot',
        record,
        'Records camera, IMU and commands of any running ROS 2 graph as a rosbag2 folder (MCAP) '
        'to learn from, and shows what comes. Ctrl-C ends and closes it.',
    )
    _add(
        verbs,
        'dataset',
        'make training episodes of bags',
        dataset,
        'Turns rosbag2 bags, of any robot that a mapping file describes, into episodes to train '
        'on, and says what was found, left out and why.',
    )
    _add(
        verbs,
        'familiarise',
        'give a pilot what it adapts by',
        fit_statistics,
        'Replays what a pilot was trained on and adds to its file the statistics that it '
        'compares a flight with when it adapts. `liquid-pilot train` does so by itself; this is '
        'for pilots made otherwise.',
    )
    _add(
        verbs,
        'world',
        'write a forest as a Gazebo world',
        world,
        'Writes the forest of a seed, with the vehicle in it, as an SDF world for Gazebo, and '
        'the meshes and textures that it names.',
    )
    _add(
        verbs,
        'import-ncps',
        'take the core of an ncps network',
        import_ncps,
        'Turns the state dict of an ncps LTC (safetensors, or a weights-only torch file) into '
        'the core of a pilot.',
    )
    _add_inspect(verbs)
    _add_doctor(verbs)
    return parser


def _add(
    verbs: argparse._SubParsersAction, name: str, brief: str, verb: ModuleType, description: str
) -> None:
    """A verb that a module of a lower floor brings: add_arguments and run."""
    parser = verbs.add_parser(name, help=brief, description=description)
    verb.add_arguments(parser)
    parser.set_defaults(run=verb.run)


def _version() -> str:
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return '(not installed)'


def _add_fly(verbs: argparse._SubParsersAction) -> None:
    fly = verbs.add_parser(
        'fly',
        help='fly missions over ROS 2',
        description='Flies missions over ROS 2: pilot, guard and, unless --simulator none, the '
        'embedded simulator, each as a process. The same graph as `ros2 launch liquid_pilot '
        'fly.launch.py`, and needs no launch. Ctrl-C ends with the report of what was flown.',
    )
    for option in dataclasses.fields(flight_graph.FlyOptions):
        name = '--' + option.name.replace('_', '-')
        text = option.metadata['description']
        if isinstance(option.default, bool):
            fly.add_argument(
                name, action=argparse.BooleanOptionalAction, default=option.default, help=text
            )
            continue
        text += f' (default: {option.default})' if option.default != '' else ''
        choices = option.metadata['choices']
        fly.add_argument(
            name,
            default=option.default,
            type=type(option.default),
            choices=choices or None,
            metavar=None if choices else option.name.rpartition('_')[2].upper(),
            help=text,
        )
    fly.set_defaults(run=_fly)


def fly_options(parsed: argparse.Namespace) -> flight_graph.FlyOptions:
    """The options of `fly` as parsed."""
    return flight_graph.FlyOptions(
        **{
            option.name: getattr(parsed, option.name)
            for option in dataclasses.fields(flight_graph.FlyOptions)
        }
    )


def _fly(parsed: argparse.Namespace) -> int:
    from importlib.util import find_spec

    from liquid_pilot.nodes.launch import process_runner

    options = flight_graph.with_run_folder(fly_options(parsed))
    if find_spec('rclpy') is None:
        raise LiquidPilotError(
            'rclpy is not installed: source ROS 2 (/opt/ros/<distro>/setup.bash), or '
            'pip install "liquid_pilot[ros]"'
        )
    said = flight_graph.startup_notice(options)
    if said:
        print(said, file=sys.stderr)
    return process_runner.run(
        flight_graph.nodes(options),
        flight_graph.environment(options, os.environ),
        lambda text: print(text, file=sys.stderr, flush=True),
    )


def _add_inspect(verbs: argparse._SubParsersAction) -> None:
    inspect = verbs.add_parser(
        'inspect',
        help='show what is in a pilot file',
        description='Shows a pilot: its card, sizes, wiring, limits and digest.',
    )
    inspect.add_argument('pilot', help='name of a shipped pilot, or its folder')
    inspect.add_argument('--json', action='store_true', help='as one JSON object')
    inspect.add_argument(
        '--draw',
        type=Path,
        metavar='FILE',
        help='also draw wiring, synapses and time constants into a PNG file',
    )
    inspect.set_defaults(run=_inspect)


def _inspect(parsed: argparse.Namespace) -> int:
    from liquid_pilot.pilot_file.summary import describe, summarize

    folder = _pilot_folder(parsed.pilot)
    print(json.dumps(summarize(folder), indent=2) if parsed.json else describe(folder))
    if parsed.draw is not None:
        from liquid_pilot.pilot_file.plot import draw_pilot

        draw_pilot(folder, parsed.draw)
    return 0


def _pilot_folder(name: str) -> Path:
    from liquid_pilot import pilot_file

    return pilot_file.resolve(name)


def _add_doctor(verbs: argparse._SubParsersAction) -> None:
    doctor = verbs.add_parser(
        'doctor',
        help='check whether this machine can fly',
        description='Checks Python, ROS 2, OpenGL, the pilots and what else a flight needs, and '
        'says what to do about what is missing. Exit code 1 when something needed is missing.',
    )
    doctor.add_argument(
        '--onboard',
        action='store_true',
        help='as on a robot: leave out simulation and window, '
        'look at clock, ports, shared memory and message packages',
    )
    doctor.set_defaults(run=_doctor)


def _doctor(parsed: argparse.Namespace) -> int:
    from liquid_pilot.cli import doctor

    checks = doctor.run_checks(parsed.onboard)
    doctor.print_checks(checks)
    return 1 if any(check.level == doctor.FAIL for check in checks) else 0


if __name__ == '__main__':
    sys.exit(main())
