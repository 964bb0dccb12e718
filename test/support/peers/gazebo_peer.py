"""Plays Gazebo and its bridge for test_gazebo_flights, with MuJoCo's physics and pictures.

`gz sim ... WORLD` and `gz service ...` are the program that is started in Gazebo's place; `bridge`
is a process of its own, as ros_gz_bridge is. While a `gz sim` lives, the bridge flies the forest of
its world's seed on the wall clock, once it is unpaused; what it publishes and hears are the topics
and types of config/gazebo_bridge.yaml. The last twist holds for ever, as with Gazebo's controller.
In the environment, PEER names a folder for their notes, and PEER_FAULT what they do wrong.
"""

import argparse
import importlib
import json
import math
import os
import signal
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

NOTES = Path(os.environ['PEER'])
WORLD, UNPAUSED, CALLS = NOTES / 'world.json', NOTES / 'unpaused', NOTES / 'calls.jsonl'
FAULT = os.environ.get('PEER_FAULT', '')


def program(line):
    """`gz`."""
    with CALLS.open('a') as calls:
        calls.write(json.dumps({'pid': os.getpid(), 'line': line}) + '\n')
    if line[0] == 'service':
        UNPAUSED.touch()
        print('data: true')
        return 0
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, kind in (('--initial-sim-time', float), ('--seed', int), ('--render-engine', str)):
        parser.add_argument(name, type=kind)
    parser.add_argument('-s', action='store_true')
    parser.add_argument('--headless-rendering', action='store_true')
    parser.add_argument('world', type=Path)
    parsed = parser.parse_args(line[1:])
    if FAULT == 'dies':
        print('[Err] this world cannot be loaded')
        return 3
    UNPAUSED.unlink(missing_ok=True)
    (NOTES / 'new').write_text(
        json.dumps(
            {'pid': os.getpid(), 'world': str(parsed.world), 'start_s': parsed.initial_sim_time}
        )
    )
    os.replace(NOTES / 'new', WORLD)
    signal.sigwait([signal.SIGINT])
    return 0


def bridge():
    """ros_gz_bridge, and all of Gazebo that can be seen through it."""
    import rclpy
    import yaml
    from geometry_msgs.msg import Twist
    from std_msgs.msg import Bool

    from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, Command
    from liquid_pilot.nodes.common import messages
    from liquid_pilot.onboard.geometry import heading_rad, into_world
    from liquid_pilot.simulation.base.settings import SimulationSettings
    from liquid_pilot.simulation.simulator import Simulation
    from liquid_pilot.simulation.tasks.registry import layout_of

    rclpy.init()
    node = rclpy.create_node('gazebo_bridge')
    heard, send = {}, {}
    entries = yaml.safe_load(
        (Path(__file__).resolve().parents[3] / 'config' / 'gazebo_bridge.yaml').read_text()
    )
    for entry in entries:
        topic = entry['ros_topic_name']
        package, _, name = entry['ros_type_name'].split('/')
        kind = getattr(importlib.import_module(f'{package}.msg'), name)
        if entry['direction'] == 'GZ_TO_ROS':
            send[topic] = node.create_publisher(kind, topic, 10).publish
        else:
            node.create_subscription(
                kind, topic, lambda message, topic=topic: heard.update({topic: message}), 10
            )

    def spin(until):
        while (left := until - time.monotonic()) > 0.0:
            rclpy.spin_once(node, timeout_sec=left)

    def lives(world):
        try:
            os.kill(world['pid'], 0)
        except ProcessLookupError:
            WORLD.unlink()
            return False
        return True

    def drive(state):
        """Speed and yaw rate."""
        twist = heard.get('gazebo/twist', Twist())
        return Command(0, twist.linear.x, 0.0, 0.0, twist.angular.z)

    def fly(state):
        """Along body axes -> along the heading; without motors the vehicle sinks."""
        enabled = heard.get('gazebo/enable_motors', Bool()).data
        if 'gazebo/twist' not in heard or not enabled:
            return Command(0, 0.0, 0.0, -0.3, 0.0)
        twist: Twist = heard['gazebo/twist']
        east, north, up = into_world(
            state.orientation_wxyz, (twist.linear.x, twist.linear.y, twist.linear.z)
        )
        heading = heading_rad(state.orientation_wxyz)
        cos, sin = math.cos(heading), math.sin(heading)
        return Command(0, cos * east + sin * north, cos * north - sin * east, up, twist.angular.z)

    def publish(packet, camera):
        send['/clock'](messages.pack_clock(packet.stamp_ns))
        if FAULT == 'freezes' and packet.stamp_ns - start_ns > 2 * NANOSECONDS_PER_SECOND:
            return
        for sample in packet.imu:
            send['imu/data'](messages.pack_imu(sample))
        send['odom'](messages.pack_odometry(packet.state))
        frame = packet.observation
        send['camera/camera_info'](messages.pack_camera_info(camera, frame.stamp_ns))
        send['camera/image_raw'](messages.pack_image(frame.image, frame.stamp_ns))
        if packet.contact_body and packet.contact_body != 'the verge':
            send['gazebo/contact'](Bool(data=True))

    while True:
        spin(time.monotonic() + 0.05)
        if FAULT == 'another':
            send['/clock'](messages.pack_clock(77 * NANOSECONDS_PER_SECOND))
        if not WORLD.exists():
            continue
        world = json.loads(WORLD.read_text())
        seed = int(Path(world['world']).parent.name.rpartition('_')[2])
        root = ElementTree.parse(world['world']).getroot()
        vehicle, command = next(
            (name, control)
            for name, control in (('quadrotor', fly), ('rover', drive))
            if root.find(f".//model[@name='{name}']") is not None
        )
        pose = root.find(f".//model[@name='{vehicle}']/pose").text.split()
        assert [round(float(word), 4) for word in pose[:2]] == [
            round(value, 4) for value in layout_of(vehicle, seed, ()).start_enu_m[:2]
        ]
        heard.clear()
        start_ns = int(world['start_s'] * NANOSECONDS_PER_SECOND)
        with Simulation(SimulationSettings(vehicle=vehicle, command_timeout_s=1e6)) as simulation:
            packet = simulation.reset(seed, start_ns)
            while lives(world) and not UNPAUSED.exists():
                if FAULT != 'mute':
                    send['/clock'](messages.pack_clock(packet.stamp_ns))
                spin(time.monotonic() + 0.02)
            due = time.monotonic()
            while lives(world):
                publish(packet, simulation.camera)
                # On a busy machine time goes slower, as Gazebo's does; the graph gets its share.
                due = max(due + 0.05, time.monotonic() + 0.03)
                spin(due)
                packet = simulation.advance(command(packet.state))


if __name__ == '__main__':
    sys.exit(bridge() if sys.argv[1] == 'bridge' else program(sys.argv[1:]))
