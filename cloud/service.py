"""Being a service: start, tell systemd, stop when asked."""

import asyncio

from cloud.config import CloudConfig, Role
from cloud.parts import load_models, software_name
from cloud.server import running_cloud
from runtime.credentials import Authenticator, server_credentials
from runtime.logs import configure_logs, get_logger
from runtime.service import ServiceNotifier, feed_watchdog, stop_event

_log = get_logger("cloud")


async def serve(config: CloudConfig, roles: frozenset[Role]) -> None:
    """Run the cloud until SIGTERM or SIGINT; raise SlimstreamError if it cannot start."""
    configure_logs(config.log.level, config.log.format)
    if config.security.insecure:
        _log.warning(
            "insecure",
            detail="plaintext without any proof of identity: who reaches the port may read and write all",
        )
    notifier = ServiceNotifier()
    with stop_event() as stop:
        async with running_cloud(config, roles) as cloud:
            notifier.ready(f"listening on port {cloud.port}")
            watchdog = asyncio.create_task(feed_watchdog(notifier, lambda: cloud.store.is_alive))
            await stop.wait()
            notifier.stopping("writing what was accepted")
            watchdog.cancel()
    _log.info("cloud_stopped")


def check(config: CloudConfig) -> str:
    """Try everything that a start would, short of listening; return a sentence, or raise SlimstreamError."""
    server_credentials(config.security, config.listen.address)
    Authenticator(config.security)
    models = load_models(config, frozenset(Role))
    fingerprints = ", ".join(fingerprint.hex() for fingerprint in models.fingerprints)
    address = config.listen.address
    return f"the configuration is good: {software_name()} would listen on {address} for models {fingerprints}"
