"""Ask a flying network which neuron's time constant matters for its command.

Shows: exact derivatives of the state by the logarithm of each neuron's capacitance (cm), carried
along tick by tick, and a check of one of them by a finite difference.
Run:   python examples/time_constant_gradients.py
"""

import numpy as np

import liquid_pilot as lp

pilot = lp.load_pilot('forest-ltc')
core = lp.LtcSensitivity(pilot.parameters, pilot.specification.unfolds)
rng = np.random.default_rng(0)
inputs = rng.normal(0.0, 1.0, (40, core.inputs)).astype(np.float32)
dt_s = rng.uniform(0.02, 0.2, 40)

state = core.initial_state()
for x, step_s in zip(inputs, dt_s, strict=True):
    state = core.step_sensitivity(state, x, step_s)
yaw_gain = pilot.parameters.output_w[3]
by_log_cm = yaw_gain * state.by_log_cm[3]  # of the fourth motor neuron, which steers
top = np.argsort(-np.abs(by_log_cm))[:3]
for neuron in top:
    print(f'neuron {neuron:2} ({pilot.wiring.role(neuron):7}): {by_log_cm[neuron]:+.5f}')


def output_with(log_cm):
    """Return the steering output after the same inputs with scaled capacitances."""
    v = np.zeros(core.neurons, np.float32)
    for x, step_s in zip(inputs, dt_s, strict=True):
        v = core.step(v, x, step_s, log_cm=log_cm)
    return float(core.output(v)[3])


shift = 0.02 * np.eye(core.neurons, dtype=np.float32)[top[0]]
difference = (output_with(shift) - output_with(-shift)) / 0.04
print(f'neuron {top[0]:2} by a finite difference: {difference:+.5f}')
