"""Codecs that pictures are measured through: the usual ones, ours, and none at all."""
