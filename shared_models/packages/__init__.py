"""Model packages: what a codec is made from, as files that are data only."""
