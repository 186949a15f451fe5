"""What the latents are for: values that tasks return and the arithmetic from network outputs to them."""
