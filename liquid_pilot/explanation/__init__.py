"""Explanations of a pilot's commands: which pixels and which neurons made them.

`pixels` has maps of the pixels, `core_paths` the paths through the neurons. Nothing here uses ROS
or torch, and nothing that flies imports it.
"""
