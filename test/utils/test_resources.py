"""Look-up of installed files, with the ament index and without it."""

import sys

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils import resources
from liquid_pilot.utils.resources import find_installed, package_prefixes, share_path


@pytest.fixture
def prefixes(tmp_path, monkeypatch):
    """Two prefixes with a package; the ament index knows it in the second one alone."""
    found = tmp_path / 'a', tmp_path / 'b'
    for prefix in found:
        message = prefix / 'share' / 'some_msgs' / 'msg' / 'One.msg'
        message.parent.mkdir(parents=True)
        message.write_text(prefix.name)
    index = found[1] / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / 'some_msgs').touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{found[0]}:{found[1]}')
    return found


def test_the_index_comes_first_where_there_is_one(prefixes):
    pytest.importorskip('ament_index_python')
    assert package_prefixes('some_msgs')[:2] == [prefixes[1], prefixes[0]]
    assert find_installed('some_msgs', 'share', 'msg/One.msg').read_text() == 'b'


def test_without_an_index_the_prefixes_are_searched_in_their_order(prefixes, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ament_index_python.packages', None)
    assert package_prefixes('some_msgs')[:2] == list(prefixes)
    assert find_installed('some_msgs', 'share', 'msg/One.msg').read_text() == 'a'
    assert find_installed('some_msgs', 'lib', 'msg/One.msg') is None
    monkeypatch.delenv('AMENT_PREFIX_PATH')
    assert find_installed('some_msgs', 'share', 'msg/One.msg') is None


def test_files_of_this_package_are_found_in_the_checkout(monkeypatch):
    monkeypatch.delenv('AMENT_PREFIX_PATH', raising=False)
    assert share_path('config/fly.yaml').is_file()
    assert resources.shipped_pilots()['forest-ltc'].name == 'forest-ltc'
    with pytest.raises(LiquidPilotError, match=r'none\.yaml of liquid_pilot is not found in'):
        share_path('config/none.yaml')
