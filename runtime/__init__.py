"""What every process needs and no codec does: segment log, configuration, logs, metrics."""
