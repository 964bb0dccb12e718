"""Copies of one core that read the same inputs, each by a clock of its own."""
