"""The liquid-resistance, liquid-capacitance (LRC) core: equations, derivatives, parameters.

It has the synapses of the LTC core, whose loops it calls (`liquid._synapses`), and is updated in
another way: see `lrc.dynamics`.
"""
