"""Labelled arrays survive the wire; whatever else comes is refused, in one line."""

import array
import contextlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Float32MultiArray, Float64MultiArray, MultiArrayDimension

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import trace_messages
from liquid_pilot.nodes.missions.mission_run import sample_from_trace
from liquid_pilot.onboard.adaptation.time_scales import TimeScaleUpdate

STAMP = 1_700_000_000_123_456_789
DIGEST = 'ab' * 32
FLIGHT = '123:4'


def wire(message):
    """Through serialisation, as over DDS."""
    return deserialize_message(serialize_message(message), type(message))


def trace(adapting=True):
    rng = np.random.default_rng(0)
    flown = trace_messages.Trace(
        DIGEST,
        FLIGHT,
        STAMP,
        12,
        1 / 30,
        rng.normal(size=5).astype(np.float32),
        rng.normal(size=6),
        rng.normal(size=7).astype(np.float32),
        rng.random(7),
        (0.1, 0.2, 0.3, 0.4),
    )
    if not adapting:
        return flown
    return flown._replace(
        filter_error=rng.random((2, 4)),
        filter_gradient=rng.normal(size=(2, 4)),
        filter_tau=rng.random((2, 4)),
        gate=(1.0, 0.07, 0.2, 2.77, 0.8, 1.5, 0.1, -0.2, 0.3),
        friction=np.array([0.6]),
        filter_gain=rng.random((2, 4)),
        filter_noise=10 * rng.random((2, 4)),
    )


def proposal(sequence=12):
    rng = np.random.default_rng(1)
    return TimeScaleUpdate(
        sequence, *(rng.normal(size=shape).astype(np.float32) for shape in ((2, 4), 7, 7))
    )


def packed_constants(**changes):
    return trace_messages.pack_time_scales(proposal()._replace(**changes), DIGEST, FLIGHT)


@pytest.mark.parametrize('adapting', [True, False])
def test_a_trace_keeps_every_section_and_its_labels(adapting):
    sent = trace(adapting)
    message = wire(trace_messages.pack_trace(sent))
    back = trace_messages.unpack_trace(message, DIGEST)
    assert back[:5] == sent[:5]
    for name in trace_messages.Trace._fields[5:]:
        assert np.array_equal(getattr(back, name), np.ravel(getattr(sent, name))), name
    labels = [dim.label for dim in message.layout.dim]
    assert labels == [
        'liquid_pilot/trace',
        f'pilot:{DIGEST}',
        f'flight:{FLIGHT}',
        'stamp_sec',
        'stamp_nanosec',
        'sequence',
        'dt',
        *trace_messages.Trace._fields[5:],
    ]
    assert message.layout.dim[0].size == 3
    assert len(trace_messages.GATE_FIELDS) == len(trace().gate)


def test_what_the_learner_takes_from_a_trace():
    evidence = trace_messages.learner_input_from(
        trace_messages.unpack_trace(wire(trace_messages.pack_trace(trace())))
    )
    assert (evidence.sequence, evidence.elapsed_s, evidence.novel) == (12, 0.07, True)
    assert np.array_equal(evidence.error, np.ravel(trace().filter_error))
    assert np.array_equal(evidence.gradient, np.ravel(trace().filter_gradient))
    # What the core read, to the bit.
    features, imu = evidence.validated_readings(trace().features.size)
    assert np.array_equal(features, trace().features) and np.array_equal(imu, trace().imu)
    assert (evidence.dt_s, evidence.log_core_time_scale) == (trace().dt_s, trace().gate[3])
    assert np.array_equal(evidence.filter_gain, np.ravel(trace().filter_gain))
    assert np.array_equal(evidence.filter_noise, np.ravel(trace().filter_noise))
    with pytest.raises(LiquidPilotError, match='does not adapt'):
        trace_messages.learner_input_from(trace(adapting=False))


def test_what_a_report_shows_of_a_trace():
    back = trace_messages.unpack_trace(wire(trace_messages.pack_trace(trace())))
    found = sample_from_trace(back, STAMP - 1_500_000_000)
    assert (found.time_s, found.friction_ratio) == (1.5, 0.6)
    assert np.isnan(sample_from_trace(back._replace(friction=np.empty(0)), STAMP).friction_ratio)
    assert sample_from_trace(trace(adapting=False), STAMP) is None


@pytest.mark.parametrize(
    ('name', 'size'),
    [
        ('gate', 2),
        ('filter_tau', 0),
        ('filter_error', 0),
        ('friction', 2),
        ('filter_gain', 7),
        ('filter_noise', 9),
    ],
)
def test_a_trace_of_an_adapting_pilot_whose_sections_do_not_fit_is_not_shown(name, size):
    message = trace_messages.pack_trace(trace()._replace(**{name: np.zeros(size)}))
    with pytest.raises(LiquidPilotError, match=name):
        sample_from_trace(trace_messages.unpack_trace(message), STAMP)


@pytest.mark.parametrize('sequence', [0, 1, 2**20 - 1, 2**20, 2**24 + 1, 30_000_001, 2**40 + 1])
def test_time_scales_keep_their_bits_and_any_sequence(sequence):
    sent = proposal(sequence)
    message = wire(trace_messages.pack_time_scales(sent, DIGEST, FLIGHT))
    flight, back = trace_messages.unpack_time_scales(message, DIGEST)
    assert (flight, back.sequence) == (FLIGHT, sequence)
    for name in ('temporal_filter', 'log_cm', 'log_gleak'):
        assert np.array_equal(getattr(back, name), np.ravel(getattr(sent, name)))
    assert [dim.label for dim in message.layout.dim] == [
        'liquid_pilot/time_scales',
        f'pilot:{DIGEST}',
        f'flight:{FLIGHT}',
        'sequence',
        'filter',
        'log_cm',
        'log_gleak',
    ]


def test_time_scales_of_the_temporal_filter_alone():
    nothing = np.empty(0, np.float32)
    message = wire(packed_constants(log_cm=nothing, log_gleak=nothing))
    _, back = trace_messages.unpack_time_scales(message, DIGEST)
    assert back.temporal_filter.size == 8
    assert (back.log_cm.size, back.log_gleak.size) == (0, 0)


def section(message, name):
    return next(dim for dim in message.layout.dim if dim.label == name)


def other_version(message):
    message.layout.dim[0].size += 1


def other_pilot(message):
    message.layout.dim[1].label = 'pilot:' + 'cd' * 32


def lines_for_a_pilot(message):
    message.layout.dim[1].label = 'pilot:a\nb\nc'


def cut_short(message):
    message.data = message.data[:-1]


def start_beyond_the_end(message):
    section(message, 'sequence').stride = 2**32 - 1


def no_sequence(message):
    message.layout.dim = [dim for dim in message.layout.dim if dim.label != 'sequence']


def empty_sequence(message):
    section(message, 'sequence').size = 0


def sequence_of(value):
    def change(message):
        message.data[section(message, 'sequence').stride] = value

    return change


def no_layout(message):
    message.layout.dim = []


BOTH = {
    'other version': (other_version, 'the same version'),
    'other pilot': (other_pilot, 'load the same pilot file'),
    'lines for a pilot': (lines_for_a_pilot, 'load the same pilot file'),
    'cut short': (cut_short, 'is cut short'),
    'start beyond the end': (start_beyond_the_end, "'sequence' is cut short"),
    'no sequence': (no_sequence, "'sequence' is missing"),
    'empty sequence': (empty_sequence, 'sequence'),
    'NaN sequence': (sequence_of(float('nan')), 'is not possible'),
    'infinite sequence': (sequence_of(float('inf')), 'is not possible'),
    'negative sequence': (sequence_of(-1.0), 'is not possible'),
    'no layout': (no_layout, 'got nothing'),
}


@pytest.mark.parametrize('kind', ['trace', 'time scales'])
@pytest.mark.parametrize('damage', BOTH)
def test_what_does_not_fit_is_refused_in_one_line(kind, damage):
    if kind == 'trace':
        message, unpack = trace_messages.pack_trace(trace()), trace_messages.unpack_trace
    else:
        message, unpack = packed_constants(), trace_messages.unpack_time_scales
    change, words = BOTH[damage]
    change(message)
    with pytest.raises(LiquidPilotError, match=words) as raised:
        unpack(wire(message), DIGEST)
    assert str(raised.value).startswith(f'{kind}: ')
    assert '\n' not in str(raised.value)


@pytest.mark.parametrize('name', ['stamp_sec', 'dt', 'features', 'imu', 'state', 'tau', 'command'])
def test_a_trace_without_one_of_its_sections_is_refused(name):
    message = trace_messages.pack_trace(trace())
    message.layout.dim = [dim for dim in message.layout.dim if dim.label != name]
    with pytest.raises(LiquidPilotError, match=f"section '{name}' is missing"):
        trace_messages.unpack_trace(message)


@pytest.mark.parametrize('name', ['filter', 'log_cm', 'log_gleak'])
def test_time_scales_without_one_of_their_sections_are_refused(name):
    message = packed_constants()
    message.layout.dim = [dim for dim in message.layout.dim if dim.label != name]
    with pytest.raises(LiquidPilotError, match=f"section '{name}' is missing"):
        trace_messages.unpack_time_scales(message, DIGEST)


NAMES = st.one_of(
    st.sampled_from(
        [
            'sequence',
            'filter',
            'log_cm',
            'log_gleak',
            'stamp_sec',
            'stamp_nanosec',
            'dt',
            *trace_messages.Trace._fields[5:],
            f'pilot:{DIGEST}',
            'pilot:a\nb',
            'flight:1',
            'sections\n',
        ]
    ),
    st.text(st.characters(exclude_categories=('Cs',), exclude_characters='\0'), max_size=8),
)
COUNTS = st.one_of(st.integers(0, 12), st.integers(0, 2**32 - 1))
DIMS = st.lists(
    st.builds(MultiArrayDimension, label=NAMES, size=COUNTS, stride=COUNTS), max_size=20
)


def fill(message, schema, head, dims, data):
    """A message of anything; with `head` the beginning is right, so that the rest is read."""
    if head:
        dims = [
            MultiArrayDimension(label=schema[0], size=schema[1]),
            MultiArrayDimension(label=f'pilot:{DIGEST}'),
            MultiArrayDimension(label='flight:1'),
            *dims,
        ]
    message.layout.dim = dims
    message.data = array.array(message.data.typecode, data)
    return message


@settings(max_examples=200, deadline=None)
@given(st.booleans(), DIMS, st.lists(st.floats(width=64), max_size=60))
def test_an_arbitrary_float64_array_only_ever_raises_the_one_error(head, dims, data):
    message = fill(Float64MultiArray(), trace_messages.TRACE_SCHEMA, head, dims, data)
    with contextlib.suppress(LiquidPilotError):
        trace_messages.learner_input_from(trace_messages.unpack_trace(message, DIGEST))


@settings(max_examples=200, deadline=None)
@given(st.booleans(), DIMS, st.lists(st.floats(width=32), max_size=60))
def test_an_arbitrary_float32_array_only_ever_raises_the_one_error(head, dims, data):
    message = fill(Float32MultiArray(), trace_messages.TIME_SCALES_SCHEMA, head, dims, data)
    with contextlib.suppress(LiquidPilotError):
        trace_messages.unpack_time_scales(message, DIGEST)


ANY = st.one_of(st.floats(width=32), st.sampled_from([0.0, -1.0, float('nan'), float('inf')]))


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.integers(0, 200), ANY, max_size=5),
    st.dictionaries(st.integers(0, 20), st.tuples(COUNTS, COUNTS), max_size=3),
)
@example({}, {})
def test_a_good_message_damaged_anywhere_only_ever_raises_the_one_error(values, dims):
    """Close to what is expected, so that the damage gets as far as it can."""
    for message, unpack in (
        (trace_messages.pack_trace(trace()), trace_messages.unpack_trace),
        (packed_constants(), trace_messages.unpack_time_scales),
    ):
        for place, value in values.items():
            message.data[place % len(message.data)] = value
        for place, (size, stride) in dims.items():
            dim = message.layout.dim[place % len(message.layout.dim)]
            dim.size, dim.stride = size, stride
        with contextlib.suppress(LiquidPilotError):
            found = unpack(message, DIGEST)
            if isinstance(found, trace_messages.Trace):
                trace_messages.learner_input_from(found)
