"""The cloud's metrics, by part. Names are `slimstream_cloud_<what>_<unit>`."""

from prometheus_client import CollectorRegistry

from runtime.metrics import SIZE_BUCKETS_BYTES, Metrics


class GatewayMetrics:
    """What comes in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register in `registry`."""
        metrics = Metrics("cloud", registry)
        self.streams = metrics.gauge("streams", "Agents connected now.")
        self.streams_lost = metrics.counter(
            "streams_lost",
            "Streams that ended unclosed: agents stopped or killed, links cut, and messages over four times "
            "limits.message_bytes, which gRPC refuses unread and unnamed.",
        )
        self.messages = metrics.counter("messages", "Messages received from agents.", ["kind"])
        self.rejected = metrics.counter("rejected", "Messages refused, by reason.", ["reason"])
        self.frames = metrics.counter("frames", "Frames made durable, by camera.", ["camera"])
        self.duplicates = metrics.counter(
            "duplicates", "Frames that were received again and changed nothing."
        )
        self.gaps = metrics.counter("gaps", "Gaps made durable.")
        self.packet_bytes = metrics.histogram(
            "packet_bytes", "Size of base packets in complete form.", buckets=SIZE_BUCKETS_BYTES
        )
        self.store_seconds = metrics.histogram("store_seconds", "From receipt of a frame to stable storage.")
        self.store_errors = metrics.counter("store_errors", "Frames and gaps that could not be stored.")
        self.pulls = metrics.counter("pulls", "Layers asked of agents, by outcome.", ["outcome"])
        self.delivered_bytes = metrics.counter("delivered_bytes", "Bytes of pulled layers.", ["layer"])


class WorkerMetrics:
    """What is made of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register in `registry`."""
        metrics = Metrics("cloud", registry)
        self.frames = metrics.counter("worker_frames", "Frames worked on, by path outcome.", ["outcome"])
        self.failed = metrics.counter(
            "worker_failed", "Frames that a path could not read, by reason.", ["reason"]
        )
        self.batch_frames = metrics.histogram(
            "worker_batch_frames", "Frames in a batch.", buckets=(1, 2, 4, 8, 16, 32, 64)
        )
        self.decode_seconds = metrics.histogram(
            "decode_seconds", "Entropy decoding and latents of one frame."
        )
        self.path_seconds = metrics.histogram(
            "path_seconds", "A path's share of a batch for one frame.", ["path"]
        )
        self.latency_seconds = metrics.histogram(
            "latency_seconds",
            "Capture to result, on one clock, of frames that were not delayed by a backlog.",
        )
        self.queued = metrics.gauge("worker_queued", "Frames queued or being worked on.")


class StoreMetrics:
    """What is kept."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register in `registry`."""
        metrics = Metrics("cloud", registry)
        self.size_bytes = metrics.gauge("store_bytes", "Bytes of all segments, by log.", ["log"])
        self.records = metrics.gauge("store_records", "Records held, by log.", ["log"])
        self.damaged = metrics.gauge(
            "store_damaged_records", "Damaged records met and skipped, by log.", ["log"]
        )
        self.evicted = metrics.gauge("store_evicted_records", "Records given up, by log.", ["log"])
        self.sync_errors = metrics.gauge("store_sync_errors", "Syncs that failed, by log.", ["log"])
        self.disk_full = metrics.gauge("store_disk_full", "Writes that found the disk full, by log.", ["log"])
