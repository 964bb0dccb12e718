"""The groups of parameters that can be learned."""

from __future__ import annotations

from collections.abc import Mapping

GROUPS: Mapping[str, tuple[str, ...]] = {
    'time_constants': ('cm',),
    'leak': ('gleak', 'vleak'),
    'synapses': ('w', 'sigma', 'mu', 'erev'),
    'input_map': ('input_w', 'input_b'),
    'output_map': ('output_w', 'output_b'),
}
"""Name of a group to the parameters in it. 'synapses' has those of sensory synapses too."""
