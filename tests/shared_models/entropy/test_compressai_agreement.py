"""Likelihoods against compressai's, where it is installed: the same parameters must give the same numbers."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, which the `train` extra installs")
if importlib.util.find_spec("compressai") is None:
    pytest.skip("compressai is not installed: it is a reference, not a dependency", allow_module_level=True)

import torch

from shared_models.entropy.factorized import FactorizedPrior
from shared_models.entropy.gaussian import GaussianConditional


class _Anything(ModuleType):
    """Stands for the modules compressai imports for its data sets; entropy models use nothing of them."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__new__": lambda *_: lambda decorated: decorated})


class _Finder:
    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name.split(".", maxsplit=1)[0] not in ("torchvision", "torch_geometric"):
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> ModuleType:
        module = _Anything(spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


@pytest.fixture(scope="module")
def peers() -> Iterator[Any]:
    finder = _Finder()
    sys.meta_path.append(finder)
    try:
        yield importlib.import_module("compressai.entropy_models")
    except ImportError as error:
        pytest.skip(f"compressai does not import here: {error}")
    finally:
        sys.meta_path.remove(finder)


def test_the_factorised_likelihoods_agree(peers: Any) -> None:
    torch.manual_seed(0)
    theirs = peers.EntropyBottleneck(5).eval()
    ours = FactorizedPrior(5).eval()
    named = dict(theirs.named_parameters())
    for kind, parameters in (("matrix", ours.matrices), ("bias", ours.biases), ("factor", ours.factors)):
        rows = [p for name, p in named.items() if kind in name or name.startswith(_plural(kind))]
        assert len(rows) == len(parameters)
        for mine, their in zip(parameters, rows, strict=True):
            torch.nn.init.normal_(their, std=0.5)
            mine.data.copy_(their.data)
    theirs.quantiles.data[:, 0, 1] = torch.linspace(-0.4, 0.4, 5)
    ours.quantiles.data.copy_(theirs.quantiles.data)
    z = 6 * torch.randn(2, 5, 7, 6)
    z_theirs, likelihoods_theirs = theirs(z)
    z_ours, likelihoods_ours = ours(z)
    assert torch.equal(z_ours, z_theirs)
    assert torch.allclose(likelihoods_ours, likelihoods_theirs, rtol=1e-5, atol=1e-6)
    assert torch.allclose(ours.quantile_loss(), theirs.loss(), rtol=1e-5)


@pytest.mark.parametrize("has_means", [False, True])
def test_the_gaussian_likelihoods_and_gradients_agree(peers: Any, has_means: bool) -> None:
    torch.manual_seed(1)
    theirs, ours = peers.GaussianConditional(None).eval(), GaussianConditional().eval()
    y, means = 4 * torch.randn(3, 4, 9), torch.randn(3, 4, 9) if has_means else None
    scales = [
        torch.rand(3, 4, 9, generator=torch.Generator().manual_seed(2)).requires_grad_() for _ in range(2)
    ]
    results = [model(y, scale, means) for model, scale in zip((ours, theirs), scales, strict=True)]
    assert torch.equal(results[0][0], results[1][0])
    assert torch.allclose(results[0][1], results[1][1], rtol=1e-5, atol=1e-7)
    for _, likelihoods in results:
        (-torch.log(likelihoods).sum()).backward()  # type: ignore[no-untyped-call]
    assert scales[0].grad is not None
    assert scales[1].grad is not None
    assert torch.allclose(scales[0].grad, scales[1].grad, rtol=1e-4, atol=1e-6)


def _plural(kind: str) -> str:
    return {"matrix": "matrices", "bias": "biases", "factor": "factors"}[kind]
