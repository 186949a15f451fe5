"""From bytes to detections: through a bridge, through the built-in detector, and through pixels."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from shared_models.bridges.graph_cost import GraphCost, cost_of, is_quantised
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.errors import InputError
from shared_models.evaluation.latency.codec_stages import FLOAT, CodedFrame, decode
from shared_models.evaluation.latency.peer_stages import opencv_decode, pillow_decode, pillow_encode
from shared_models.evaluation.latency.report import Side, Size
from shared_models.evaluation.latency.stage import INT8, Stage, StageKey
from shared_models.frames import Pixels
from shared_models.packages.package import ModelPackage
from shared_models.tasks.bridge_info import NETWORK_FILE, read_part
from shared_models.tasks.bridged import open_bridge
from shared_models.tasks.detector import LatentDetector
from shared_models.tasks.feature_placement import FeaturePlacement
from shared_models.tasks.layouts.layout import DetectionLayout
from shared_models.tasks.pixel_model import PixelModel, read_model
from shared_models.tasks.ready_made import read_tail

SCORE_MIN: Final = 0.3
"""What the cloud's detect path asks for."""
BRIDGED: Final = "detect through the bridge"
BUILT_IN: Final = "detect, built in"
ON_PIXELS: Final = "detect on pixels"


class PathBench:
    """Frames of one size, coded at one quality, at one number of threads."""

    def __init__(self, codec: SlimCodec, frames: Sequence[Pixels], coded: Sequence[CodedFrame]) -> None:
        """Take a codec, the frames and what it made of them."""
        self.codec, self.frames, self.coded = codec, frames, coded
        self.options = codec.backend
        self.size: Size = (frames[0].shape[1], frames[0].shape[0])
        self.quality = coded[0].packet.quality_code / 32
        self.latents = [decode(codec, frame.data) for frame in coded]

    def built_in(self, package: ModelPackage) -> Iterator[Stage]:
        """Yield the package's own detector and preview."""
        detector = LatentDetector(package, self.options)
        cost = cost_of(package.read("detect"), [self.latents[0]])
        yield self._stage("built-in detector", lambda i: detector.network.run(self.latents[i]), FLOAT, cost)

        def detect(index: int) -> object:
            latents = decode(self.codec, self.coded[index].data)
            return detector.detect(latents, [self.size], score_min=SCORE_MIN)

        yield self._stage(BUILT_IN, detect, FLOAT, is_whole=True)
        preview = cost_of(package.read("preview"), [self.latents[0]])
        run = self.codec.preview
        yield self._stage("preview", lambda i: run(self.latents[i], *self.size), FLOAT, preview)

    def bridged(self, directory: Path) -> Iterator[Stage]:
        """Yield a bridge and the tail behind it; raise ModelError, InputError if it does not detect."""
        model = open_bridge(directory, self.codec.fingerprint, self.options)
        canvas, file = model.canvas(self.size), read_part(directory / NETWORK_FILE)
        layout = _detection_layout(model.info.layout, str(directory))
        placement = FeaturePlacement.of(self.size, canvas.side, canvas.placement)
        framed = [placement.frame(latents) for latents in self.latents]
        features = [model.features(latents, self.size) for latents in self.latents]
        outputs = [model.tail.run(*each) for each in features]
        integer = is_quantised(file)
        cost = cost_of(file, [framed[0]], element_bytes=1 if integer else 4)
        backend = INT8 if integer else FLOAT
        yield self._stage("bridge", lambda i: model.bridge.run(framed[i]), backend, cost)
        yield self._stage(
            "bridge, framed and placed",
            lambda i: model.features(self.latents[i], self.size),
            backend,
            cost,
            is_whole=True,
        )
        tail = cost_of(read_tail(directory, model.info), features[0])
        yield self._stage("tail", lambda i: model.tail.run(*features[i]), FLOAT, tail)
        yield self._stage("boxes", lambda i: layout.decode(outputs[i], canvas.side, SCORE_MIN), "numpy")

        def detect(index: int) -> object:
            latents = decode(self.codec, self.coded[index].data)
            return model.detect(latents, [self.size], score_min=SCORE_MIN)

        yield self._stage(BRIDGED, detect, backend, is_whole=True)

    def on_pixels(self, path: Path) -> Iterator[Stage]:
        """Yield JPEG and a whole detector behind it; raise ModelError, InputError if it does not detect."""
        model = PixelModel.open(path, self.options, samples=self.frames)
        layout = _detection_layout(model.layout, str(path))
        files = [pillow_encode(pixels) for pixels in self.frames]
        read = _fastest_reader()
        prepared = [model.convention.prepare(pixels)[np.newaxis] for pixels in self.frames]
        outputs = [model.network.run(each) for each in prepared]
        yield self._stage(
            "prepare canvas", lambda i: model.convention.prepare(self.frames[i]), "numpy", side="peer"
        )
        cost = cost_of(read_model(path), [prepared[0]])
        yield self._stage(
            "whole detector", lambda i: model.network.run(prepared[i]), FLOAT, cost, side="peer"
        )
        side = model.convention.side
        yield self._stage("boxes", lambda i: layout.decode(outputs[i], side, SCORE_MIN), "numpy", side="peer")

        def detect(index: int) -> object:
            return model.detect([read(files[index])], score_min=SCORE_MIN)

        yield self._stage(ON_PIXELS, detect, FLOAT, side="peer", is_whole=True)

    def _stage(
        self,
        stage: str,
        run: Callable[[int], object],
        backend: str,
        cost: GraphCost | None = None,
        *,
        side: Side = "cloud",
        is_whole: bool = False,
    ) -> Stage:
        threads = self.options.threads
        key = StageKey(side, stage, self.size, threads, backend, None, self.quality, is_whole)
        return Stage(key, run, cost.macs if cost else None, cost.bytes_moved if cost else None)


def _fastest_reader() -> Callable[[bytes], Pixels]:
    try:
        import cv2
    except ImportError:
        return pillow_decode
    cv2.setNumThreads(1)
    return opencv_decode


def _detection_layout(layout: object, name: str) -> DetectionLayout:
    if not isinstance(layout, DetectionLayout):
        raise InputError(f"{name} does not detect, and the path measured here ends in detections")
    return layout
