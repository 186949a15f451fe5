"""What moving pictures cost and what is still seen in them: our packets beside video encoders."""
