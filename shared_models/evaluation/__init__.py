"""What a model achieves: bytes, picture fidelity, task accuracy."""
