"""`slimstream eval`: how few bytes, and how much is still seen."""
