"""Codec families behind one protocol: see codec.py; a family is a folder here."""
