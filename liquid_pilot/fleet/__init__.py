"""The vehicles, a file each: what it is on board (`VEHICLE`), and its task in simulation (`task`).

A vehicle from elsewhere is such a file too, named by an entry point of the group
`liquid_pilot.vehicles` (docs/vehicles.md).
"""
