"""Limits of the thread pools, set when this module is imported.

Thread pools read the environment when their library is imported, so import this module first.
"""

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '2')
# Threads that spin while they wait cost a busy machine two thirds of its speed.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
