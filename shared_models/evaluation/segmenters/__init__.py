"""How much of each class a segmenter still finds in coded pictures."""
