import os

from setuptools import Distribution, find_packages, setup

NAME = 'liquid_pilot'
NODES = (
    'pilot',
    'adaptation',
    'guard',
    'simulator',
    'scene',
    'gazebo',
    'recorder',
    'hand',
    'dashboard',
    'visualization',
)


class DataFilesWhenEditable(Distribution):
    """`pip install -e` installs data files only if has_data() is there, which nobody defines."""

    def has_data(self):
        return self.has_data_files()


def files_below(folder):
    """One data_files entry for each folder below `folder`, to land in share/liquid_pilot."""
    return [
        (os.path.join('share', NAME, root), [os.path.join(root, name) for name in sorted(names)])
        for root, _, names in os.walk(folder)
        if names and not root.endswith('__pycache__')
    ]


ROS_WHEELS = "python_version<'3.14' and platform_machine=='x86_64' and sys_platform=='linux'"
ROS = [
    'ros-jazzy-rclpy',
    'ros-jazzy-rmw-fastrtps-cpp',
    'ros-jazzy-std-msgs',
    'ros-jazzy-sensor-msgs',
    'ros-jazzy-geometry-msgs',
    'ros-jazzy-nav-msgs',
    'ros-jazzy-diagnostic-msgs',
    'ros-jazzy-trajectory-msgs',
    'ros-jazzy-visualization-msgs',
    'ros-jazzy-std-srvs',
]
MAVLINK = ['pymavlink>=2.4.41', 'pyserial>=3.5']
SIM = ['mujoco>=3.3', 'gymnasium>=1.0', 'matplotlib>=3.7']
BAGS = ['rosbags>=0.11', 'zstandard>=0.22', 'lz4>=4.3']
TRAIN = [*SIM, *BAGS, 'torch>=2.4', 'onnx>=1.16', 'onnxscript>=0.3']
EXPLAIN = [*SIM, *BAGS, 'scikit-learn>=1.5']
DASHBOARD = ['aiohttp>=3.10']

setup(
    name=NAME,
    version='0.1.0',
    description='A liquid neural network in the cockpit of a drone or a rover, over ROS 2',
    license='Apache-2.0',
    license_files=['LICENSE'],
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={
        NAME: ['py.typed'],
        f'{NAME}.simulation.conditions': ['severities.yaml'],
        f'{NAME}.dashboard': [
            'page/*.html',
            'page/*.css',
            'page/*.svg',
            'page/js/*.js',
            'page/third_party/uplot/*',
        ],
    },
    python_requires='>=3.10',
    install_requires=[
        'numpy>=1.26',
        'numba>=0.60',
        'onnxruntime>=1.18',
        'opencv-python-headless>=4.9',
        'safetensors>=0.4',
        'rich>=13',
        'pyyaml>=6',
        'mcap>=1.6',
        'argcomplete>=3.2',
    ],
    extras_require={
        'ros': [f'{name}; {ROS_WHEELS}' for name in ROS],
        'sim': SIM,
        'train': TRAIN,
        'view': [*DASHBOARD, *BAGS],
        'explain': EXPLAIN,
        'mavlink': MAVLINK,
        'docs': ['mkdocs-material>=9.5', 'mkdocstrings>=0.27', 'mkdocstrings-python>=1.12'],
        'test': [
            *TRAIN,
            *EXPLAIN,
            *DASHBOARD,
            *MAVLINK,
            'captum>=0.7',
            'pytest>=8,<9',
            'pytest-xdist>=3.6',
            'hypothesis>=6.100',
            'ncps>=1.0.1',
            'ruff>=0.6',
            'mypy>=1.13',
            'import-linter>=2.12',
            'mcap-ros2-support>=0.5',
        ],
    },
    entry_points={'console_scripts': ['liquid-pilot = liquid_pilot.cli.main:main']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/liquid_pilot']),
        ('share/liquid_pilot', ['package.xml']),
        *files_below('launch'),
        *files_below('config'),
        *files_below('pilots'),
        ('lib/liquid_pilot', [f'scripts/{node}' for node in NODES]),
    ],
    distclass=DataFilesWhenEditable,
)
