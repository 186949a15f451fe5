"""What the cloud keeps: append-only segments, and an index that is built again from them when it is lost."""
