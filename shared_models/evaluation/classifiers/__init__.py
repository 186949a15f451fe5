"""How often a classifier is right about coded pictures."""
