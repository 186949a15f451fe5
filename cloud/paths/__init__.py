"""What a worker can do with a frame: plug-ins that turn a batch of latents into results."""
