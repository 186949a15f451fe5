"""The gateway, the store, the workers and the API."""
