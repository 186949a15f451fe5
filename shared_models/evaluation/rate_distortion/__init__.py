"""How far decoded pictures are from their sources, for the bytes that they cost."""
