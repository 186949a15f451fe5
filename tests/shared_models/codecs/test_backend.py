"""ONNX Runtime behind one class: options, fallbacks and errors that name the network."""

import numpy as np
import pytest

from shared_models.codecs.backend import CPU, BackendOptions, Network, Optimisation, wanted_providers
from shared_models.errors import BackendError
from shared_models.packages.package import ModelPackage


def test_absent_providers_are_left_out_and_the_cpu_is_always_last() -> None:
    assert wanted_providers(["tensorrt", "cuda"], [CPU]) == [CPU]
    cuda = "CUDAExecutionProvider"
    assert wanted_providers(["cuda", "cpu", "cuda"], [cuda, CPU]) == [cuda, CPU]


def test_a_provider_nobody_knows_is_refused() -> None:
    with pytest.raises(BackendError, match="'qpu'"):
        wanted_providers(["qpu"], [CPU])


def test_a_network_says_what_it_really_runs_on(dct_package: ModelPackage) -> None:
    network = Network(dct_package.read("preview"), "preview", BackendOptions(providers=("cuda",)))
    assert network.provider in (CPU, "CUDAExecutionProvider")
    assert network.outputs == ("x_hat",)


def test_bytes_that_are_no_network_are_refused_by_name() -> None:
    with pytest.raises(BackendError, match="refuses the network preview"):
        Network(b"not a protobuf", "preview", BackendOptions())


def test_a_wrong_shape_names_the_network(dct_package: ModelPackage) -> None:
    network = Network(dct_package.read("preview"), "preview", BackendOptions())
    with pytest.raises(BackendError, match="network preview failed"):
        network.run(np.zeros((1, 7, 2, 2), np.float32))


@pytest.mark.parametrize("optimisation", list(Optimisation))
def test_every_optimisation_level_gives_the_picture(
    dct_package: ModelPackage, optimisation: Optimisation
) -> None:
    latents = np.random.default_rng(0).standard_normal((1, 64, 3, 5)).astype(np.float32)
    model = dct_package.read("preview")
    (plain,) = Network(model, "preview", BackendOptions()).run(latents)
    (other,) = Network(model, "preview", BackendOptions(optimisation=optimisation, threads=2)).run(latents)
    assert np.allclose(plain, other, atol=1e-5)


@pytest.mark.parametrize("options", [{"threads": 0}, {"providers": ()}])
def test_options_that_cannot_run_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BackendError):
        BackendOptions(**options)  # type: ignore[arg-type]
