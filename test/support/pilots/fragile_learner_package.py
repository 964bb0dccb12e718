"""An installed package with a learner `fragile`, which fails where a test tells it to."""

import contextlib
import sys

import page_package

LEARNER = '''
import numpy as np

from liquid_pilot.onboard.adaptation.learner_messages import trained_time_scales

FAULTS = {}


class Fragile:
    """A learner that fails, or returns what FAULTS says."""

    def __init__(self, statistics, neurons, settings):
        self.shape, self.neurons = statistics.filter_tau_s.shape, neurons

    def _do(self, call, usual):
        if call not in FAULTS:
            return usual
        if isinstance(FAULTS[call], BaseException):
            raise FAULTS[call]
        return FAULTS[call]

    def reset(self):
        self._do('reset', None)

    def update(self, learner_input):
        usual = trained_time_scales(learner_input.sequence, self.shape, self.neurons)
        return self._do('update', usual)

    def describe(self):
        return self._do('describe', ('fragile', 'it works'))

    def configure(self, settings):
        self._do('configure', None)

    def snapshot(self, digest):
        return self._do('snapshot', '{}')

    def restore(self, text, digest):
        self._do('restore', None)
'''
RAISES = 1 + LEARNER.splitlines().index('            raise FAULTS[call]')
"""Number of the line that raises."""


@contextlib.contextmanager
def installed(folder, monkeypatch, faults='{}'):
    """Install the package for this process and those that it starts.

    Args:
        folder: a folder to write it to.
        monkeypatch: pytest's.
        faults: Python text of the first faults, which other processes have too: by the name of a
            method, what it raises or returns.

    Yields:
        The faults of this process, for a test to change.
    """
    folder.mkdir(exist_ok=True)
    text = LEARNER.replace('FAULTS = {}', f'FAULTS = {faults}')
    (folder / 'fragile_learner.py').write_text(text)
    entries = {'liquid_pilot.learners': {'fragile': 'fragile_learner:Fragile'}}
    page_package.write_metadata(folder, 'fragile_learner', entries)
    monkeypatch.syspath_prepend(folder)
    import fragile_learner

    try:
        yield fragile_learner.FAULTS
    finally:
        sys.modules.pop('fragile_learner', None)
