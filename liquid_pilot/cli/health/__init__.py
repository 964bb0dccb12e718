"""`liquid-pilot doctor` and its checks."""
