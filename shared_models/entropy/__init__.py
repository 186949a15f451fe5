"""Exact entropy coding: integer tables, rANS, integer networks, and the probability models they come from."""
