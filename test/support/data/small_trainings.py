"""Settings of trainings that take seconds, and where their processes run."""

from __future__ import annotations

from pathlib import Path

from liquid_pilot.learning.config import TrainingSettings

REPOSITORY = Path(__file__).resolve().parents[3]
SMALL = {
    'features': 8,
    'inter': 8,
    'command': 6,
    'sensory_fanout': 4,
    'inter_fanout': 3,
    'recurrent_command_synapses': 4,
    'motor_fanin': 3,
    'unfolds': 3,
    'sequence_length': 16,
    'encoder_batch': 16,
    'core_batch': 4,
    'joint_batch': 2,
    'encoder_epochs': 1,
    'core_epochs': 2,
    'joint_steps': 4,
}


def quiet(*report):
    """Ignore the progress of a training."""
    pass


def small(**changes):
    """Return settings of a training of seconds, with changes."""
    return TrainingSettings.from_mapping({**SMALL, **changes}, 'test')
