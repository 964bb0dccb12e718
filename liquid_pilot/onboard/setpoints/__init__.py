"""Setpoints of autopilots and vehicles: one adapter for each kind."""
