"""Flights to explain, recorded in the simulator or read from a recording, and their reports."""
