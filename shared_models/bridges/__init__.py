"""Small networks from latents into the inner features of a frozen model, and the cutting of that model."""
