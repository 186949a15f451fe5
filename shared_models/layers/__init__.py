"""Network blocks that more than one codec family is made of."""
