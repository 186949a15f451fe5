"""Cameras: one kind a file behind the protocol of source.py; opening.py chooses by configuration."""
