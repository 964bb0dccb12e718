"""The commands to nodes that run already: `engage`, `stop` and `status`."""
