"""PX4 over uXRCE-DDS in the tests: its types, what it does with modes, and its topics."""
