"""A run folder is new, or holds no run yet."""

from pathlib import Path

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.run_folder import with_run_folder


def test_run_folders_are_never_written_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = Path(with_run_folder(FlyOptions()).out)
    assert first.parent == tmp_path / 'runs'
    first.mkdir(parents=True)
    second = Path(with_run_folder(FlyOptions()).out)
    assert second != first
    assert with_run_folder(FlyOptions(out='mine')).out == str(tmp_path / 'mine')
    (tmp_path / 'mine').mkdir()
    with_run_folder(FlyOptions(out='mine'))
    (tmp_path / 'mine' / 'report.json').write_text('{}')
    with pytest.raises(LiquidPilotError, match='holds a run already'):
        with_run_folder(FlyOptions(out='mine'))
    with pytest.raises(LiquidPilotError, match='is not a folder'):
        with_run_folder(FlyOptions(out='mine/report.json'))
