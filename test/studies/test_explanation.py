"""The tables of docs/explanation/ have the figures of the studies' results.json."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = {
    'LTC (shipped)': 'ltc',
    'CfC': 'cfc',
    'feed-forward': 'feedforward',
    'LSTM': 'lstm',
    'GRU': 'gru',
}
RATES = ('', '+rate:1', '+rate:2', '+rate:4', '+rate:5')
CORES = {
    'LTC, stepped by the true time': 'mem_true_dt',
    'LTC, stepped by 50 ms throughout': 'mem_fixed_dt',
    'GRU': 'mem_gru',
    'GRU that has the elapsed time as an input': 'mem_gru_with_dt',
    'the same GRU, trained on irregular frames': 'mem_gru_irregular',
}


def results(study):
    return json.loads((ROOT / 'studies' / study / 'results.json').read_text())


def rows(page):
    """The first cell of each row of the tables of a page, and its other cells."""
    text = (ROOT / 'docs' / 'explanation' / page).read_text()
    cells = [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in text.splitlines()
        if line.startswith('|') and not line.startswith('|-')
    ]
    return {first: rest for first, *rest in cells}


def percent(cell):
    return round(100 * cell['successes'] / cell['missions'])


CONDITIONS = ('clear', 'noise:5', 'snow:4', 'night:4', 'contrast:4', 'blink:4', 'occlusion:4')


@pytest.mark.parametrize('condition', CONDITIONS)
def test_the_shipped_pilot_as_trained_and_adapting(condition):
    (found,) = [
        rest for first, rest in rows('evidence.md').items() if re.match(rf'{condition}(,|$)', first)
    ]
    arms = results('adaptation')['parts']['shipped'][condition]
    against = arms['shipped_all']['against']
    difference, low, high = (
        round(100 * value) for value in (against['difference'], *against['interval_95'])
    )

    def signed(value):
        return f'{value:+}' if value else '0'

    assert found[:2] == [f'{percent(arms[arm])} %' for arm in ('shipped', 'shipped_all')]
    assert found[2].startswith(f'{signed(difference)} ({signed(low)} to {signed(high)})')
    assert ('not significant' in found[2]) is (against['p_holm'] >= 0.05 and condition != 'clear')


@pytest.mark.parametrize('core', CORES)
def test_the_table_of_elapsed_time(core):
    part = results('adaptation')['parts']['memory, elapsed']
    wanted = [str(percent(part[f'two_legs:3{rate}'][CORES[core]])) for rate in RATES]
    assert rows('liquid_network.md')[core] == wanted


@pytest.mark.parametrize('network', NETWORKS)
def test_the_table_of_driving(network):
    cells = {
        cell['arm']: cell
        for cell in results('driving')['cells']
        if cell['condition'] == 'friction=0.5@10s'
    }
    wanted = []
    for mode in ('frozen', 'adapt'):
        cell = cells[f'{NETWORKS[network]} {mode}']
        low, high = (round(100 * bound) for bound in cell['wilson_95'])
        wanted += [
            f'{cell["completed"]} ({low}-{high})',
            f'{cell["speed_m_s"]:.2f} m/s',
            f'{cell["lateral_rms_m"]:.2f} m',
        ]
    assert rows('driving.md')[network] == wanted


def test_every_network_completes_the_dry_and_the_noisy_roads():
    others = [
        cell for cell in results('driving')['cells'] if cell['condition'] != 'friction=0.5@10s'
    ]
    assert len(others) >= 40
    assert {cell['completed'] for cell in others} == {100}


def test_how_often_each_core_is_first():
    tables = {}
    for cell in results('robustness')['cells']:
        core, augmentation = cell['arm'].rsplit('-', 1)
        tables.setdefault((augmentation, cell['condition']), {})[core] = cell['successes']
    first = Counter(
        core
        for table in tables.values()
        for core, successes in table.items()
        if successes == max(table.values())
    )
    assert len(tables) == 12
    assert first == {'feedforward': 7, 'ltc_dense': 3, 'cfc': 2, 'gru': 1, 'lstm': 1}
    text = ' '.join((ROOT / 'docs' / 'explanation' / 'evidence.md').read_text().split())
    assert 'first in seven of the twelve rows' in text
    assert 'The dense LTC is first in three, CfC in two, GRU and LSTM in one each' in text
