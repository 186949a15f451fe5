"""A cloud in this process, on a free port of loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import grpc
import pytest

from cloud.config import CloudConfig, Role
from cloud.server import RunningCloud, running_cloud
from shared_models.packages.package import ModelPackage

StartCloud: TypeAlias = Callable[..., Awaitable[tuple[RunningCloud, grpc.aio.Channel]]]


def cloud_settings(directory: Path, package: Path) -> dict[str, dict[str, object]]:
    """The least that a cloud in a test needs."""
    return {
        "listen": {"address": "127.0.0.1:0"},
        "store": {"directory": directory, "segment_bytes": 1 << 20},
        "worker": {"models": [str(package)], "paths": []},
        "limits": {"layer_bytes": 512 << 10},
        "metrics": {"enabled": False},
    }


@pytest.fixture
async def start_cloud(tmp_path: Path, dct_package: ModelPackage) -> AsyncIterator[StartCloud]:
    """Return what starts a cloud over the test's own store, with sections of the configuration changed."""
    async with AsyncExitStack() as stack:

        async def start(
            roles: frozenset[Role] = frozenset(Role), **sections: dict[str, object]
        ) -> tuple[RunningCloud, grpc.aio.Channel]:
            settings = cloud_settings(tmp_path / "store", dct_package.path)
            for name, section in sections.items():
                settings[name] = settings.get(name, {}) | section
            cloud = await stack.enter_async_context(
                running_cloud(CloudConfig.model_validate(settings), roles)
            )
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{cloud.port}"))
            return cloud, channel

        yield start
