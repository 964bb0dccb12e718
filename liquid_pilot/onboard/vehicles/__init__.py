"""The vehicles: their limits, their action scaling, and models of how they move."""
