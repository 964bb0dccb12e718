"""The visualization node: what it publishes of what it hears, and a recording of it."""

import importlib
import math
import types
from collections import defaultdict

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from std_msgs.msg import Float64MultiArray
from visualization_msgs.msg import Marker

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import VehicleState
from liquid_pilot.nodes.common import messages, topics, trace_messages
from liquid_pilot.nodes.recorder import RecorderNode
from liquid_pilot.nodes.views import frames
from liquid_pilot.nodes.views.network import CORE_TIME_SCALE
from liquid_pilot.nodes.visualization import VisualizationNode
from liquid_pilot.onboard.inference.trace import GATE_FIELDS, Trace
from liquid_pilot.simulation.tasks.registry import layout_of

PILOT = 'forest-ltc'


class HeardTransforms:
    """In place of tf2_msgs, which is on no package index: keeps what would be published."""

    available = True

    def __init__(self, node):
        self.moving, self.static = [], []

    def publish(self, transform):
        self.moving.append(transform)

    def publish_static(self, transforms):
        self.static += transforms


@pytest.fixture
def make_node(ros, monkeypatch):
    """Function (**parameters) -> node whose publishers keep their messages in `node.heard`."""
    made = []
    monkeypatch.setattr(frames, 'TransformPublisher', HeardTransforms)

    def make(**parameters):
        heard = defaultdict(list)

        class Node(VisualizationNode):
            def create_publisher(self, kind, topic, quality, **others):
                if topic not in topics.TOPICS or topic == topics.DIAGNOSTICS:
                    return super().create_publisher(kind, topic, quality, **others)
                return types.SimpleNamespace(publish=heard[topic].append)

        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        monkeypatch.setattr('rclpy.node.Node.__init__', _with_overrides(overrides))
        node = Node()
        node.heard = heard
        made.append(node)
        return node

    yield make
    for node in made:
        node.destroy_node()


_INIT = importlib.import_module('rclpy.node').Node.__init__


def _with_overrides(overrides):
    """The constructor of nodes of rclpy, with parameters as on their command line."""

    def init(self, name, **others):
        _INIT(self, name, parameter_overrides=overrides, **others)

    return init


def odometry(stamp_ns, x=0.0, frame='odom'):
    message = messages.pack_odometry(
        VehicleState(
            stamp_ns, (x, 2.0, 1.5), (1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)
        )
    )
    message.header.frame_id = frame
    return message


def trace(stamp_ns, adapts=True):
    pilot, rng = pilot_file.load(pilot_file.resolve(PILOT)), np.random.default_rng(stamp_ns)
    blocks = pilot.training_statistics.filter_tau_s.size
    sections = (
        (rng.uniform(0.1, 1.0, blocks), np.zeros(blocks), rng.uniform(0.1, 1.0, blocks))
        if adapts
        else (np.empty(0),) * 3
    )
    return Trace(
        pilot.digest,
        'f',
        stamp_ns,
        1,
        0.05,
        rng.normal(size=pilot.specification.features),
        rng.normal(size=6),
        rng.normal(size=34),
        rng.uniform(0.1, 1.0, 34),
        np.zeros(4),
        *sections,
        np.arange(float(len(GATE_FIELDS))) if adapts else np.empty(0),
    )


def test_the_model_is_published_at_once(make_node):
    node = make_node(vehicle='rover', frame_prefix='r/')
    (model,) = node.heard[topics.ROBOT_DESCRIPTION]
    assert '<robot name="rover">' in model.data and 'link name="r/base_link"' in model.data
    assert [t.child_frame_id for t in node._transforms.static] == [
        'r/camera_link_optical',
        'r/imu_link',
    ]


def test_odometry_becomes_a_transform_and_a_path(make_node):
    node = make_node(frame_prefix='d/')
    for step in range(10):
        node._on_odometry(odometry(50_000_000 * step, 0.2 * step, 'map'))
    moving = node._transforms.moving
    assert [messages.to_nanoseconds(t.header.stamp) for t in moving] == [
        50_000_000 * step for step in range(10)
    ]
    assert {(t.header.frame_id, t.child_frame_id) for t in moving} == {('d/map', 'd/base_link')}
    node._publish_path()
    node._publish_path()
    (path,) = node.heard[topics.PATH]
    assert path.header.frame_id == 'd/map'
    assert [round(p.pose.position.x, 6) for p in path.poses] == [
        round(0.2 * step, 6) for step in range(10)
    ]
    (cloud,) = node.heard[topics.PATH_POINTS]
    assert cloud.width == 10 and cloud.header == path.header


def test_fast_odometry_is_thinned_out_and_a_clock_that_jumps_back_is_followed(make_node):
    node = make_node(max_tf_rate_hz=50.0)
    for step in range(100):
        node._on_odometry(odometry(4_000_000 * step))
    assert len(node._transforms.moving) == 20
    node._on_odometry(odometry(0))
    assert len(node._transforms.moving) == 21


def test_another_node_may_publish_the_transform(make_node):
    node = make_node(publish_tf=False)
    node._on_odometry(odometry(1))
    assert node._transforms.moving == [] and len(node._transforms.static) == 2


def test_a_trace_becomes_neurons_and_signals_with_its_stamp(make_node):
    node, sent = make_node(), trace(123_000_000)
    node._on_trace(trace_messages.pack_trace(sent))
    (neurons,) = node.heard[topics.NEURONS]
    assert messages.to_nanoseconds(neurons.header.stamp) == 123_000_000
    assert list(neurons.position) == sent.state.tolist()
    assert list(neurons.velocity) == sent.tau.tolist()
    assert list(node.heard[topics.TEMPORAL_FILTER][0].velocity) == sent.filter_tau.tolist()
    (signals,) = node.heard[topics.SIGNALS]
    assert signals.name == [*GATE_FIELDS, CORE_TIME_SCALE]
    assert list(signals.position[:-1]) == sent.gate.tolist()
    node._on_trace(trace_messages.pack_trace(trace(124_000_000, adapts=False)))
    assert len(node.heard[topics.NEURONS]) == 2 and len(node.heard[topics.SIGNALS]) == 1


def test_the_trace_of_another_pilot_is_refused_in_words(make_node):
    node = make_node()
    node._on_trace(trace_messages.pack_trace(trace(1)._replace(digest='0' * 64)))
    assert node.heard[topics.NEURONS] == []
    assert 'it comes from the pilot' in node._reporter.health.problems[0][1]
    node._on_trace(Float64MultiArray())
    node._on_trace(trace_messages.pack_trace(trace(2)))
    assert node._reporter.health.problems == []


def markers(node):
    """The markers of the newest message, by group; the first of it removes all older ones."""
    first, *others = node.heard[topics.MARKERS][-1].markers
    assert first.action == Marker.DELETEALL
    found = defaultdict(list)
    for marker in others:
        found[marker.ns].append(marker)
    return found


def mission(node, seed, stamp_ns=1):
    node._on_mission(messages.pack_header(stamp_ns, f'seed {seed}'))


def test_a_mission_shows_its_course_and_begins_a_new_path(make_node):
    node = make_node()
    node._on_odometry(odometry(1))
    for seed in (7, 8):
        mission(node, seed)
        discs = layout_of('quadrotor', seed, ()).obstacle_discs()
        assert len(markers(node)['trunks']) == len(discs)
        assert len(node._path) == 0
        node._on_odometry(odometry(seed))
    node._on_mission(messages.pack_header(9, 'end success'))
    assert len(node.heard[topics.MARKERS]) == 2 and len(node.heard[topics.PATH]) == 1
    node._on_mission(messages.pack_header(9, 'seed seven'))
    assert "'seed seven' is no seed" in node._reporter.health.problems[0][1]


def test_a_course_that_cannot_be_drawn_is_named(make_node):
    node = make_node(vehicle='rover', condition='two_legs:3')
    mission(node, 7)
    assert not markers(node)
    assert 'the course is not shown' in node._reporter.health.problems[0][1]


def test_a_course_on_a_vehicle_waits_for_its_odometry(make_node):
    node = make_node(anchor='vehicle')
    mission(node, 7, 5)
    assert node.heard[topics.MARKERS] == []
    node._on_odometry(odometry(5, 100.0))
    layout = layout_of('quadrotor', 7, ())
    target = markers(node)['target'][0].pose.position
    away = math.dist((target.x, target.y), (100.0, 2.0))
    assert away == pytest.approx(layout.target_distance_m, abs=1e-4)


def status(state, hardware_id='/guard'):
    made = messages.NodeStatus('guard', 0, '', {'state': state}, hardware_id)
    return messages.pack_diagnostics(made, 0)


def limits(radius, ceiling):
    values = [types.SimpleNamespace(double_value=value) for value in (radius, ceiling)]
    return types.SimpleNamespace(result=lambda: types.SimpleNamespace(values=values))


@pytest.mark.parametrize(
    ('radius', 'ceiling', 'heights'),
    [(20.0, 6.0, [1.5, 7.5]), (20.0, 0.0, [1.5, 4.5]), (0.0, 6.0, [7.5])],
)
def test_the_fence_lies_where_the_guard_was_engaged(make_node, radius, ceiling, heights):
    node = make_node()
    node._fence._on_parameters(limits(radius, ceiling))
    node._on_diagnostics(status('disengaged'))
    # Without odometry, and of another vehicle's guard, nothing is known.
    node._on_diagnostics(status('engaged', '/other/guard'))
    assert node.heard[topics.MARKERS] == []
    node._on_odometry(odometry(1, 5.0))
    node._on_diagnostics(status('engaged'))
    node._on_odometry(odometry(2, 9.0))
    node._on_diagnostics(status('engaged'))
    rings = markers(node)['fence']
    assert len(node.heard[topics.MARKERS]) == 1
    assert [ring.points[0].z for ring in rings] == heights
    away = [math.dist((p.x, p.y), (5.0, 2.0)) for ring in rings for p in ring.points]
    assert away == pytest.approx([radius or 10.0] * len(away))
    # Engaged again elsewhere, it lies there, beside a course.
    node._on_diagnostics(status('disengaged'))
    node._on_diagnostics(status('engaged'))
    mission(node, 7)
    assert len(markers(node)['fence']) == len(heights) and markers(node)['trunks']
    assert markers(node)['fence'][0].points[0].x == pytest.approx(9.0 + (radius or 10.0))


def test_without_a_fence_nothing_is_drawn(make_node):
    node = make_node()
    node._fence._on_parameters(limits(0.0, 0.0))
    node._on_odometry(odometry(1))
    node._on_diagnostics(status('engaged'))
    assert node.heard[topics.MARKERS] == []


@pytest.fixture(scope='module')
def recording(ros, tmp_path_factory, eventually):
    """(messages by topic, schemas by name) of a recording of what the node makes of a flight."""
    folder = tmp_path_factory.mktemp('recording') / 'bag'
    overrides = [Parameter('path', value=str(folder))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('rclpy.node.Node.__init__', _with_overrides(overrides))
        recorder = RecorderNode()
        patch.setattr('rclpy.node.Node.__init__', _INIT)
        node = VisualizationNode()
    executor = SingleThreadedExecutor()
    for each in (recorder, node):
        executor.add_node(each)
    eventually(
        lambda: all(
            node.count_subscribers(name)
            for name in (topics.NEURONS, topics.MARKERS, topics.PATH, topics.ROBOT_DESCRIPTION)
        ),
        step=lambda: executor.spin_once(0.02),
    )
    mission(node, 7)
    for step in range(1, 6):
        node._on_odometry(odometry(50_000_000 * step, float(step)))
        node._on_trace(trace_messages.pack_trace(trace(50_000_000 * step)))
    node._publish_path()
    wanted = {topics.NEURONS: 5, topics.TEMPORAL_FILTER: 5, topics.SIGNALS: 5, topics.MARKERS: 1}
    wanted |= {topics.PATH: 1, topics.PATH_POINTS: 1, topics.ROBOT_DESCRIPTION: 1}
    if node._transforms.available:
        wanted |= {topics.TF: 5, topics.TF_STATIC: 1}
    eventually(
        lambda: all(
            recorder.counts[recorder.resolve_topic_name(name)] >= count
            for name, count in wanted.items()
        ),
        step=lambda: executor.spin_once(0.02),
    )
    executor.shutdown()
    recorder.close()
    for each in (recorder, node):
        each.destroy_node()
    found, schemas = defaultdict(list), {}
    (file,) = folder.glob('*.mcap')
    with open(file, 'rb') as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        for schema, channel, _, decoded in reader.iter_decoded_messages():
            found[channel.topic.lstrip('/')].append(decoded)
            schemas[schema.name] = schema
    return found, schemas, wanted


def test_a_recording_holds_all_of_it_with_complete_schemas(recording):
    found, schemas, wanted = recording
    assert {name: len(found[name.lstrip('/')]) for name in wanted} == wanted
    kinds = {topics.TOPICS[name].type for name in wanted}
    assert kinds <= set(schemas)
    for kind in kinds:
        assert schemas[kind].encoding == 'ros2msg'


def test_the_frames_and_stamps_of_a_recording_agree(recording):
    found, _, _ = recording
    stamps = [(m.header.stamp.sec, m.header.stamp.nanosec) for m in found[topics.NEURONS]]
    assert stamps == [(0, 50_000_000 * step) for step in range(1, 6)]
    for step, neurons in enumerate(found[topics.NEURONS], 1):
        assert list(neurons.position) == trace(50_000_000 * step).state.tolist()
    (path,), (cloud,) = found[topics.PATH], found[topics.PATH_POINTS]
    (shown,) = found[topics.MARKERS]
    assert [pose.pose.position.x for pose in path.poses] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert path.header.frame_id == cloud.header.frame_id == 'odom'
    assert {marker.header.frame_id for marker in shown.markers} == {'odom'}
    for message in found[topics.TF.lstrip('/')]:
        (transform,) = message.transforms
        assert (transform.header.frame_id, transform.child_frame_id) == ('odom', 'base_link')
