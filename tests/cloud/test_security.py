"""Mutual TLS: who an agent or a viewer is comes from its certificate, and so does what it may do."""

from pathlib import Path

import grpc
import pytest

from console.certificates import Authority
from runtime.credentials import ClientSecurity, Grant, open_aio_channel
from shared_models.packages.package import ModelPackage
from slimstream.v1 import control_pb2 as control
from slimstream.v1.control_pb2_grpc import CamerasServiceStub, FramesServiceStub
from tests.cloud.conftest import StartCloud
from tests.cloud.fake_agent import FakeAgent, format_change, frame, hello, made_up_packet


async def test_a_certificate_says_which_cameras_its_holder_writes_and_reads(
    start_cloud: StartCloud, dct_package: ModelPackage, tmp_path: Path
) -> None:
    authority = Authority.create(tmp_path / "ca")
    ca_file = tmp_path / "ca" / "ca.pem"
    server = authority.issue_server(["localhost", "127.0.0.1"])

    def connect(cloud_port: int, grant: Grant | None) -> grpc.aio.Channel:
        issued = authority.issue_client(grant) if grant else None
        security = ClientSecurity(
            ca_file=ca_file,
            certificate_file=issued.certificate if issued else None,
            private_key_file=issued.private_key if issued else None,
        )
        return open_aio_channel(f"localhost:{cloud_port}", security)

    cloud, _ = await start_cloud(
        security={
            "certificate_file": server.certificate,
            "private_key_file": server.private_key,
            "client_ca_file": ca_file,
        }
    )
    packet = made_up_packet(dct_package.fingerprint)
    async with connect(cloud.port, Grant("edge-1", writes=("door",))) as channel:
        agent = FakeAgent(channel)
        agent.send(hello(dct_package.fingerprint, "door", "vault"))
        [welcome] = await agent.until("welcome")
        assert [bool(camera.refusal) for camera in welcome.welcome.cameras] == [False, True]
        agent.send(format_change("door", packet), frame(0, packet))
        await agent.until_acked(0)
        await agent.leave()
    request = control.GetRequest(frame=control.FrameSelector(camera="door", seq=0))
    async with connect(cloud.port, Grant("anna", reads=("vault",))) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await FramesServiceStub(channel).Get(request)
        assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
        listed = await CamerasServiceStub(channel).List(control.CamerasServiceListRequest())
        assert list(listed.cameras) == []
    async with connect(cloud.port, Grant("ben", reads=("*",))) as channel:
        listed = await CamerasServiceStub(channel).List(control.CamerasServiceListRequest())
        assert [camera.camera for camera in listed.cameras] == ["door"]
        with pytest.raises(grpc.aio.AioRpcError, match="ben may not change the settings") as error:
            await CamerasServiceStub(channel).ChangeSettings(
                control.ChangeSettingsRequest(camera="door", quality=1)
            )
        assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    async with connect(cloud.port, None) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await CamerasServiceStub(channel).List(control.CamerasServiceListRequest())
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
