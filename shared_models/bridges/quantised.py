"""Int8 versions of float networks, for what comes before the symbols or after the latents.

Weights become int8 with one scale an output channel, activations uint8 with one scale a tensor, fixed from
the ranges that samples reach (static QDQ). ONNX Runtime's fast kernels want exactly this pair: uint8 by int8
is what VNNI multiplies. Two backends may round differently, so nothing that an entropy decoder depends on may
pass through here.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from shared_models.errors import ModelError

Sample: TypeAlias = Sequence[NDArray[np.float32]]
"""One set of inputs, in the network's order."""


class _Samples(CalibrationDataReader):  # type: ignore[misc]  # the library has no types
    """Samples as the calibration reads them, one after the other."""

    def __init__(self, names: Sequence[str], samples: Sequence[Sample]) -> None:
        self._feeds = _feeds(names, samples)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next inputs by name, None after the last."""
        return next(self._feeds, None)


def quantised(model: bytes, samples: Sequence[Sample]) -> bytes:
    """Return `model` (an ONNX file) in int8, with scales that `samples` fix; they may differ in size.

    Raises ModelError where there are no samples or the network cannot be quantised.
    """
    if not samples:
        raise ModelError("a network cannot be quantised without samples of its inputs; give one or more")
    with tempfile.TemporaryDirectory(prefix="quantised.") as directory:
        plain, folded, target = (Path(directory, f"{name}.onnx") for name in ("plain", "folded", "int8"))
        plain.write_bytes(model)
        try:
            quant_pre_process(plain, folded, skip_symbolic_shape=True)
            quantize_static(
                folded,
                target,
                _Samples(_input_names(folded), samples),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
            )
        except Exception as error:  # ONNX Runtime's own classes share no root but Exception
            reason = str(error).strip().partition("\n")[0]
            raise ModelError(f"the network cannot be quantised to int8: {reason}") from error
        return target.read_bytes()


def _feeds(names: Sequence[str], samples: Sequence[Sample]) -> Iterator[dict[str, NDArray[np.float32]]]:
    for sample in samples:
        yield dict(zip(names, sample, strict=True))


def _input_names(path: Path) -> list[str]:
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    return [value.name for value in graph.input if value.name not in constants]
