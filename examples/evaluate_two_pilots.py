"""Fly two pilots through the same forests in snow and compare them.

Shows: evaluation in process, without ROS. The two are the shipped pilot as it was trained, and the
same one adapting in flight. Few missions say little: give more (both fly the same seeds).
Run:   python examples/evaluate_two_pilots.py [MISSIONS [WORKERS]]        (extra `sim`)
"""

import sys

import liquid_pilot as lp

if __name__ == '__main__':  # the workers are processes that import this file
    numbers = [int(text) for text in sys.argv[1:]]
    missions, workers = numbers + [4, 2][len(numbers) :]
    pilot = lp.load_pilot('forest-ltc')
    results = lp.evaluate(
        pilots=[pilot, pilot],
        modes=['', 'adapt'],
        conditions=['snow:4'],
        seeds=range(7_200_000, 7_200_000 + missions),
        workers=workers,
    )
    report = lp.compare(results)
    for cell in report['cells']:
        low, high = cell['wilson_95']
        print(
            f'{cell["pilot"]} in {cell["condition"]}: {cell["successes"]} of {cell["flown"]} '
            f'succeed (95 % interval {100 * low:.0f} to {100 * high:.0f} %)'
        )
    (pair,) = report['comparisons']
    print(f'only the first {pair["only_first"]}, only the second {pair["only_other"]}')
