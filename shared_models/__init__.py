"""The floor: what edge and cloud must agree on, to the bit."""
