"""What people and programs ask the cloud, over gRPC."""
