"""From a camera's configuration to an open source: the one place that knows every kind."""

from edge.config_camera import DirectorySource as DirectoryConfig
from edge.config_camera import FileSource, MjpegSource, RtspSource, SourceConfig, V4l2Source
from edge.sources.source import Source


def open_source(config: SourceConfig) -> Source:
    """Open a source; raise SourceError. Each kind's libraries are imported when it is first used."""
    match config:
        case FileSource():
            from edge.sources.video_file import open_video_file

            return open_video_file(config.path)
        case DirectoryConfig():
            from edge.sources.directory import DirectorySource

            return DirectorySource(config.path, config.images_per_second)
        case V4l2Source():
            from edge.sources.v4l2 import open_v4l2

            return open_v4l2(
                config.device,
                capture_width_px=config.capture_width_px,
                capture_height_px=config.capture_height_px,
            )
        case RtspSource():
            from edge.sources.rtsp import open_rtsp

            return open_rtsp(
                config.url,
                transport=config.transport,
                open_timeout_s=config.open_timeout_s,
                read_timeout_s=config.silence_s_max,
            )
        case MjpegSource():
            from edge.sources import mjpeg

            return mjpeg.MjpegSource(config.url, config.silence_s_max)
