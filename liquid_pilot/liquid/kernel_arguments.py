"""The parameters of a core in the form in which the kernels read them."""

from __future__ import annotations

import numpy as np

from liquid_pilot.liquid.parameters import CoreParameters
from liquid_pilot.liquid.synapse_layout import SynapseLayout


def layout_of(parameters: CoreParameters) -> SynapseLayout:
    """Return the layout of the synapses that are present."""
    return SynapseLayout.of(*parameters.present)


def folded_synapses(p: CoreParameters) -> tuple[SynapseLayout, np.ndarray]:
    """Return the layout, and the values of every synapse that `accumulate_inputs` reads.

    Returns:
        The layout, and (E, 4, LANES) float32 of a, b, w and w*erev, with the synapse's sigmoid
        written as sigmoid(a*value + b); the input mapping is folded into the sensory ones.
    """
    gain, offset = (mapping.astype(np.float64)[:, None] for mapping in (p.input_w, p.input_b))
    sensory = _fold(p.sensory_sigma, p.sensory_mu, p.sensory_w, p.sensory_erev, gain, offset)
    recurrent = _fold(p.sigma, p.mu, p.w, p.erev)
    layout = layout_of(p)
    return layout, layout.pack(*zip(sensory, recurrent, strict=True))


def plain_synapses(p: CoreParameters, layout: SynapseLayout) -> np.ndarray:
    """Return (E, 4, LANES) float32 of sigma, mu, erev and w*sigma, which `add_gradients` reads."""
    return layout.pack(
        (p.sensory_sigma, p.sigma),
        (p.sensory_mu, p.mu),
        (p.sensory_erev, p.erev),
        (p.sensory_w * p.sensory_sigma, p.w * p.sigma),
    )


def neuron_rows(parameters: CoreParameters, layout: SynapseLayout) -> np.ndarray:
    """Return (3, P) float32: cm, gleak and vleak of the neurons in whole blocks."""
    # A positive cm keeps the neurons that pad the last block at rest.
    return np.concatenate(
        [
            layout.pad_neurons(parameters.cm[None], 1.0),
            layout.pad_neurons(np.stack([parameters.gleak, parameters.vleak])),
        ]
    )


def _fold(
    sigma: np.ndarray,
    mu: np.ndarray,
    w: np.ndarray,
    erev: np.ndarray,
    gain: np.ndarray | float = 1.0,
    offset: np.ndarray | float = 0.0,
) -> list[np.ndarray]:
    """Return a, b, w and w*erev as matrices [j, i], zero without a synapse."""
    sigma, mu, w, erev = (
        np.where(w != 0.0, part.astype(np.float64), 0.0) for part in (sigma, mu, w, erev)
    )
    return [sigma * gain, sigma * (offset - mu), w, w * erev]
