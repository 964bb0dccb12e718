"""What keeps a flight safe: the guard, the geofence, preflight checks, duplicate publishers."""
