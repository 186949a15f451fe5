"""Training: data, teachers, the trainer and the recipes."""
