"""`slim`: a slimmable encoder, task latents at stride 16, an enhancement layer for pictures."""
