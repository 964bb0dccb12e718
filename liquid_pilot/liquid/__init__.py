"""The mathematics of the liquid core: wirings, dynamics and their derivatives."""
