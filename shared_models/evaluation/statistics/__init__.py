"""What figures say: curves, Bjøntegaard deltas, bytes at an accuracy, intervals."""
