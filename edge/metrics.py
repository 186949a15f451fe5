"""What the agent tells Prometheus: `slimstream_edge_…`."""

from prometheus_client import CollectorRegistry

from runtime.metrics import SIZE_BUCKETS_BYTES, Metrics


class EdgeMetrics:
    """Every metric of the agent, each with its labels said once, here."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register them in `registry`, or in one of their own."""
        metrics = Metrics("edge", registry)
        self.registry = metrics.registry
        camera = ("camera",)
        self.pictures = metrics.counter("pictures", "Pictures taken at the wanted rate.", camera)
        self.frames = metrics.counter("frames", "Frames coded and kept.", camera)
        self.left_out = metrics.counter(
            "frames_left_out", "Pictures not coded, by reason.", ("camera", "reason")
        )
        self.source_up = metrics.gauge("source_up", "1 while the camera gives pictures.", camera)
        self.source_errors = metrics.counter("source_errors", "Failures of the source.", camera)
        self.encode = metrics.histogram("encode_seconds", "Time to code a frame.", camera)
        self.packet = metrics.histogram(
            "packet_bytes", "Size of base packets.", camera, buckets=SIZE_BUCKETS_BYTES
        )
        self.sent_frames = metrics.counter("sent_frames", "Frames sent, live or backlog.", ("camera", "kind"))
        self.sent_bytes = metrics.counter("sent_bytes", "Bytes of base packets sent.", camera)
        self.acknowledged = metrics.counter(
            "acknowledged_frames", "Frames that the cloud has stored.", camera
        )
        self.gaps = metrics.counter("gaps", "Gaps recorded, by reason.", ("camera", "reason"))
        self.rejects = metrics.counter(
            "rejects", "Messages that the gateway refused, by reason.", ("reason",)
        )
        self.link_up = metrics.gauge("link_up", "1 while the gateway is connected.")
        self.connections = metrics.counter("connections", "Attempts to connect, by result.", ("result",))
        self.pulls = metrics.counter("pulls", "Pulls, by layer and result.", ("layer", "result"))
        self.pulled_bytes = metrics.counter("pulled_bytes", "Bytes delivered for pulls.", ("layer",))
        self.backlog = metrics.gauge("backlog_frames", "Frames kept and not yet sent.")
        self.ring = metrics.gauge("ring_bytes", "Bytes of the ring on disk.")
        self.ring_budget = metrics.gauge("ring_budget_bytes", "What the ring may take.")
        self.ring_errors = metrics.gauge("ring_write_errors", "Records that the disk refused.")
        self.clock_offset = metrics.gauge("clock_offset_seconds", "Cloud clock minus this clock.")
        self.clock_uncertainty = metrics.gauge(
            "clock_uncertainty_seconds", "Bound on the error of the offset."
        )
