"""The agent on the device: capture, gate, encode, keep, send."""
