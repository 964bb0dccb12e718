"""Faults of camera, IMU and odometry: what goes wrong, what must follow, what must be said."""

from fault_changes import (
    INF,
    NAN,
    SECOND_NS,
    far,
    fields,
    force,
    frozen,
    grey,
    gyro,
    later,
    noise,
    picture,
    same_stamp,
)
from fault_kinds import FLIES, SLOW, Fault, Stream

BLIND_S = 3.0
"""Time after which a blind picture is not flown on, and the time-out of the guard."""


TURNING = Stream('imu', gyro(lambda x, y, z: (x, y, 0.5)))

CAMERA = [
    Fault('camera: silent', (Stream('camera', on=False),), words='camera: no frame for'),
    Fault(
        'camera: frozen under new stamps while it turns',
        (Stream('camera', frozen), TURNING),
        words='picture|image',
        within_s=2.2,
        watch_s=3.0,
    ),
    *(
        Fault(
            f'camera: {what}',
            (Stream('camera', change),),
            words='picture|image',
            within_s=BLIND_S,
            watch_s=BLIND_S + 0.7,
        )
        for what, change in (('black', grey(0)), ('white', grey(255)), ('noise', picture(noise)))
    ),
    Fault(
        'camera: wrong size',
        (Stream('camera', fields(width=64, height=36, step=192, data=bytes(36 * 192))),),
        words='camera_info says',
    ),
    Fault(
        'camera: another aspect ratio',
        (Stream('camera', fields(width=72, height=128, step=216)),),
        words='camera|image',
    ),
    Fault(
        'camera: unknown encoding',
        (Stream('camera', fields(encoding='32FC3')),),
        words="image: encoding '32FC3'",
    ),
    Fault(
        'camera: encoding with escapes',
        (Stream('camera', fields(encoding='\x1b[2J\x07rgb')),),
        words='image: encoding',
    ),
    Fault(
        'camera: truncated',
        (Stream('camera', fields(data=lambda data: data[:1000])),),
        words='image: 1000 bytes',
    ),
    Fault(
        'camera: size of 2^32',
        (Stream('camera', fields(width=2**32 - 1, height=2**32 - 1)),),
        words='image',
    ),
    Fault(
        'camera: frame_id of 1 MB',
        (Stream('camera', fields(header__frame_id='x' * 10**6)),),
        FLIES,
    ),
    Fault('camera: stamps of zero', (Stream('camera', stamp=lambda *_: 0),), words='no time stamp'),
    Fault(
        'camera: stamps of 10 s ago', (Stream('camera', stamp=later(-10)),), words='camera|older'
    ),
    Fault(
        'camera: stamps of 10 s ahead', (Stream('camera', stamp=later(10)),), words='future|ahead'
    ),
    Fault(
        'camera: stamps go backwards',
        (Stream('camera', stamp=lambda stamp, n: stamp - n * 2 * 50_000_000),),
        words='time jumped back',
    ),
    Fault(
        'camera: stamps jump by 3 s, there and back',
        (Stream('camera', stamp=lambda stamp, n: stamp + (n % 2) * 3 * SECOND_NS),),
        words='future|jumped|stamp',
        watch_s=2.0,
    ),
    Fault('camera: one stamp for all', (Stream('camera', same_stamp),), words='same stamp'),
    Fault('camera: 3 Hz', (Stream('camera', every=7),), FLIES, watch_s=1.2),
    Fault(
        'camera: a second camera',
        (Stream('camera', grey(90), twin=True),),
        words='publishers of',
        within_s=2.5,
        watch_s=3.2,
    ),
    Fault('camera_info: missing in flight', (Stream('camera_info', on=False),), FLIES, watch_s=0.8),
    Fault(
        'camera_info: sees too little',
        (Stream('camera_info', fields(k=lambda k: [4 * k[0], 0.0, k[2], 0.0, 4 * k[4], *k[5:]])),),
        words='camera: it sees',
    ),
    Fault(
        'camera_info: focal length is NaN',
        (Stream('camera_info', fields(k=[NAN] * 9)),),
        words='camera',
    ),
    Fault(
        'camera_info: focal length of 1e-30 pixels',
        (Stream('camera_info', fields(k=lambda k: [1e-30, *k[1:]])),),
        words='not calibrated',
    ),
    Fault(
        'camera_info: unknown distortion model',
        (Stream('camera_info', fields(distortion_model='x', d=[0.3] * 5)),),
        words='distortion',
    ),
]

IMU = [
    Fault('IMU: silent', (Stream('imu', on=False),), words='imu: no message for', within_s=1.0),
    *(
        Fault(f'IMU: {what}', (Stream('imu', change),), words='imu', within_s=within_s)
        for what, change, within_s in (
            ('gyroscope NaN', gyro(lambda *_: (0, NAN, 0)), 0.8),
            ('acceleration infinite', force(lambda *_: (0, 0, INF)), 0.8),
            ('gyroscope 1e30 rad/s', gyro(lambda *_: (0, 0, 1e30)), 0.8),
            ('gyroscope 100 rad/s', gyro(lambda *_: (100, 0, 0)), 0.8),
            ('acceleration 2000 m/s^2', force(lambda *_: (0, 0, 2000)), 0.8),
            ('acceleration of zero', force(lambda *_: (0, 0, 0)), 2.0),
            ('acceleration in g', force(lambda x, y, z: (x / 9.81, y / 9.81, z / 9.81)), 2.0),
        )
    ),
    Fault(
        'IMU: gyroscope in deg/s while it turns',
        (Stream('imu', gyro(lambda x, y, z: (57.3 * x, 57.3 * y, 57.3 * 0.8))),),
        words='imu',
        within_s=2.0,
        watch_s=2.5,
    ),
    Fault(
        'IMU: frozen under new stamps',
        (Stream('imu', frozen),),
        words='imu',
        within_s=2.0,
        watch_s=2.5,
    ),
    Fault('IMU: stamps of zero', (Stream('imu', stamp=lambda *_: 0),), FLIES),
    Fault('IMU: stamps of 10 s ahead', (Stream('imu', stamp=later(10)),), FLIES),
    Fault('IMU: half rate', (Stream('imu', every=2),), FLIES),
    Fault(
        'IMU: a second IMU',
        (Stream('imu', gyro(lambda x, y, z: (0, 0, -z)), twin=True),),
        words='publishers of',
        within_s=2.5,
        watch_s=3.2,
    ),
]

ODOMETRY = [
    Fault(
        'odometry: silent',
        (Stream('odometry', on=False),),
        words='no usable odometry',
        within_s=1.2,
    ),
    Fault(
        'odometry: NaN',
        (Stream('odometry', fields(pose__pose__position__x=NAN)),),
        words='no usable odometry',
    ),
    Fault(
        'odometry: quaternion of zeros',
        (
            Stream(
                'odometry',
                fields(
                    pose__pose__orientation__w=0.0,
                    pose__pose__orientation__z=0.0,
                    pose__pose__orientation__x=0.0,
                    pose__pose__orientation__y=0.0,
                ),
            ),
        ),
        words='no usable odometry',
    ),
    Fault(
        'odometry: stamps of 100 s ago',
        (Stream('odometry', stamp=later(-100)),),
        words='odometry',
        within_s=1.2,
    ),
    Fault('odometry: 1 km outside the fence', (Stream('odometry', far),), SLOW, 'fence', 1.2),
    Fault(
        'odometry: a second source',
        (Stream('odometry', far, twin=True),),
        words='publishers of',
        within_s=2.5,
        watch_s=3.2,
    ),
]

FAULTS = (*CAMERA, *IMU, *ODOMETRY)
