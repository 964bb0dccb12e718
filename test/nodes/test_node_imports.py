"""A node imports what it needs: what it does not need costs time and memory at every start."""

import subprocess
import sys

import pytest

# numba looks at the version of a SciPy that is installed, for 10 ms; its parts are heavy.
HEAVY = (
    'numba', 'cv2', 'onnxruntime', 'mujoco', 'matplotlib', 'rich', 'torch', 'sklearn',
    'scipy.linalg', 'aiohttp',
)  # fmt: skip
NEEDED = {
    'guard': set(),
    'adaptation': set(),
    'recorder': set(),
    'dashboard': {'numba', 'cv2', 'onnxruntime'},
    'visualization': {'numba', 'cv2', 'onnxruntime'},
    'pilot': {'numba', 'cv2', 'onnxruntime'},
    'simulator': set(),
    'missions.simulator_missions': {'cv2', 'mujoco', 'rich'},
}


@pytest.mark.parametrize('module', NEEDED)
def test_a_node_imports_nothing_heavy_that_it_does_not_need(module):
    code = f'import sys, liquid_pilot.nodes.{module}; print(*sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded & set(HEAVY) == NEEDED[module]
    if not module.startswith(('simulator', 'missions', 'visualization')):
        assert not {name for name in loaded if name.startswith('liquid_pilot.simulation.')}


def test_a_node_does_without_the_code_generator_of_its_messages():
    code = (
        'import sys\n'
        'from liquid_pilot.nodes.common import node_base\n'
        'from liquid_pilot.nodes.guard import GuardNode\n'
        'def work(node, spinner):\n'
        "    generator = 'rosidl_generator_py.generate_py_impl'\n"
        "    print('rosidl_generator_py' in sys.modules, 'lark' in sys.modules,\n"
        '          generator in sys.modules)\n'
        '    import rosidl_generator_py.generate_py_impl\n'
        '    return 0\n'
        "sys.exit(node_base.run('guard', GuardNode, work, args=[]))\n"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    # Who imports it afterwards gets it.
    assert (done.returncode, done.stdout.split()) == (0, ['True', 'False', 'False']), done.stderr
