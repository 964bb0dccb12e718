"""Real-time recurrent learning: exact derivatives of a liquid core's state by its parameters."""
