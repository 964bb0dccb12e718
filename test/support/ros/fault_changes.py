"""Changes of messages, of which the faults of the campaign are made."""

import math

import numpy as np

NAN, INF = math.nan, math.inf
SECOND_NS = 10**9


def fields(**values):
    """Return a change of a message: attributes by their path, 'a__b' for a.b."""

    def change(message, stream):
        for path, value in values.items():
            *holders, name = path.split('__')
            target = message
            for holder in holders:
                target = getattr(target, holder)
            old = getattr(target, name)
            setattr(target, name, value(old) if callable(value) else value)
        return message

    return change


def picture(make):
    """Return a change of an image: (h, w, 3) uint8 -> the same."""

    def change(message, stream):
        shape = message.height, message.width, 3
        old = np.frombuffer(message.data, np.uint8).reshape(shape)
        message.data = np.ascontiguousarray(make(old), np.uint8).tobytes()
        return message

    return change


def grey(level):
    return picture(lambda old: np.full_like(old, level))


def noise(old, chance=np.random.default_rng(3)):  # noqa: B008
    return chance.integers(0, 256, old.shape, np.uint8)


def frozen(message, stream):
    """Keep the first message, under new stamps."""
    stream.kept = stream.kept or message
    stream.kept.header.stamp = message.header.stamp
    return stream.kept


def same_stamp(message, stream):
    """Give all messages the stamp of the first."""
    stream.kept = stream.kept or message.header.stamp
    message.header.stamp = stream.kept
    return message


def vector(path, make):
    """Return a change of a vector of a message: (x, y, z) -> the same."""

    def change(message, stream):
        target = message
        for name in path.split('.'):
            target = getattr(target, name)
        target.x, target.y, target.z = map(float, make(target.x, target.y, target.z))
        return message

    return change


GYRO, FORCE = 'angular_velocity', 'linear_acceleration'


def gyro(make):
    return vector(GYRO, make)


def force(make):
    return vector(FORCE, make)


def command(**values):
    return fields(**{f'twist__{name}': value for name, value in values.items()})


def later(seconds):
    return lambda stamp_ns, count: stamp_ns + int(seconds * SECOND_NS)


def far(message, stream):
    """Move the odometry 1 km forward."""
    q = message.pose.pose.orientation
    yaw = math.atan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y * q.y + q.z * q.z))
    message.pose.pose.position.x += 1000.0 * math.cos(yaw)
    message.pose.pose.position.y += 1000.0 * math.sin(yaw)
    return message


def scales(value):
    """Return a change of all time scales, behind the number of the tick."""
    return fields(data=lambda data: [*data[:2], *([value] * (len(data) - 2))])


def other_pilot(message, stream):
    message.layout.dim[1].label = 'pilot:' + 'e' * 64
    return message
