"""The safety of a flight: guard, geofence, preflight checks, detection of duplicate publishers."""
