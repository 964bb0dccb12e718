"""Helpers that know nothing of pilots: files, processes, signals, progress, tables."""
