"""`slimstream demo`: a real clip through agent and cloud, and what it cost."""
