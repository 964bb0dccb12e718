"""The examples in the docstrings of the public face run and print what they say."""

import doctest
import inspect
import sys

import pytest

import liquid_pilot

WITH_EXAMPLES = (
    'CameraGeometry',
    'Engine',
    'Guard',
    'LrcDynamics',
    'LtcDynamics',
    'LtcSensitivity',
    'VehicleLimits',
    'explicit',
    'fly_mission',
    'get_vehicle',
    'load_pilot',
    'ncp',
    'parse_adaptation',
)
"""Names whose docstring has to show how they are used."""


def examples_of(value, name):
    """Return the doctests of an object, of a class with those of its methods."""
    module = sys.modules[value.__module__]
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for test in finder.find(value, name, module=module) if test.examples]


def run(tests):
    """Run doctests; their failures in words."""
    printed = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in tests:
        runner.run(test, out=printed.append)
    return ''.join(printed)


def test_the_package_has_an_example_that_runs():
    tests = doctest.DocTestFinder(recurse=False).find(liquid_pilot, 'liquid_pilot')
    assert sum(len(test.examples) for test in tests) > 3
    assert run(tests) == ''


@pytest.mark.parametrize('name', liquid_pilot.__all__)
def test_the_examples_of_a_name_run(name):
    value = getattr(liquid_pilot, name)
    assert inspect.isclass(value) or callable(value)
    tests = examples_of(value, name)
    assert tests or name not in WITH_EXAMPLES, f'{name} has no example in its docstring'
    assert run(tests) == ''


def test_an_example_that_is_wrong_fails():
    def wrong():
        """Return two.

        >>> 1 + 1
        3
        """

    assert 'Expected:\n    3\nGot:\n    2' in run(examples_of(wrong, 'wrong'))
