#!/usr/bin/env python3
"""Open a recording of liquid_pilot in Rerun: map, camera, neurons and adaptation side by side.

    python rerun_view.py RECORDING [--namespace drone1] [--save FILE.rrd]

RECORDING is a folder that the recorder wrote, or one of its MCAP files. It needs neither ROS nor
this package, but `rerun-sdk`: pip install rerun-sdk
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import rerun as rr
import rerun.blueprint as rrb

TIMELINE = 'message_log_time'


def blueprint(namespace: str) -> rrb.Blueprint:
    """Return the arrangement of the views.

    Args:
        namespace: namespace of the recorded topics; empty: none.
    """
    own = f'/{namespace.strip("/")}/' if namespace.strip('/') else '/'

    def plot(name: str, topic: str, part: str) -> rrb.TimeSeriesView:
        return rrb.TimeSeriesView(name=name, origin=f'{own}{topic}/{part}')

    flown = f'{own}visualization/path_points'
    where = [f'+ {own}obstacles', f'+ {flown}', f'+ {own}camera/**', '+ /tf', '+ /tf_static']
    # Rerun draws the robot_description below the name of the robot.
    where += [f'+ /{vehicle}/**' for vehicle in ('quadrotor', 'rover')]
    return rrb.Blueprint(
        rrb.Vertical(
            rrb.Horizontal(
                rrb.Spatial3DView(
                    name='map',
                    origin='/',
                    contents=where,
                    spatial_information=rrb.SpatialInformation(target_frame=_frame(namespace)),
                    overrides={flown: [rr.Points3D.from_fields(colors=[0xE69F00FF], radii=0.06)]},
                ),
                rrb.Spatial2DView(name='camera', origin=f'{own}camera/image_raw'),
                column_shares=(3, 2),
            ),
            rrb.Horizontal(
                plot('potentials of the neurons', 'pilot/neurons', 'position'),
                plot('time constants of the neurons (s)', 'pilot/neurons', 'velocity'),
                plot('novelty, gain', 'adaptation/signals', 'position'),
            ),
            row_shares=(3, 2),
        ),
        rrb.TimePanel(timeline=TIMELINE, play_state='following', state='collapsed'),
        rrb.BlueprintPanel(state='collapsed'),
        rrb.SelectionPanel(state='collapsed'),
    )


def _frame(namespace: str) -> str:
    return 'odom' if not namespace.strip('/') else f'{namespace.strip("/")}/odom'


def files(recording: Path) -> list[Path]:
    """Return the MCAP files of a recording in their order."""
    if recording.is_file():
        return [recording]
    found = sorted(recording.glob('*.mcap'), key=lambda path: (len(path.name), path.name))
    if not found:
        sys.exit(f'{recording} holds no .mcap file; name the folder of a recording')
    return found


def main() -> None:
    """Open the viewer, or write a file for it."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or '').splitlines()[0], allow_abbrev=False
    )
    parser.add_argument('recording', type=Path, help='folder of a recording, or an MCAP file')
    parser.add_argument('--namespace', default='', help='namespace of the topics')
    parser.add_argument('--save', type=Path, help='write this .rrd file, and open no window')
    options = parser.parse_args()
    found = files(options.recording)
    rr.init('liquid_pilot')
    if options.save is None:
        rr.spawn()
    else:
        rr.save(options.save)
    rr.send_blueprint(blueprint(options.namespace))
    for file in found:
        rr.log_file_from_path(file)


if __name__ == '__main__':
    main()
