"""Which addresses never leave the machine: the only ones where plaintext is allowed without a flag."""

import ipaddress


def host_of(address: str) -> str:
    """Return the host of a gRPC address such as `[::1]:50051`; empty for a socket file."""
    if address.startswith(("unix:", "unix-abstract:")):
        return ""
    bare = address.rsplit("/", 1)[-1]
    for scheme in ("dns:", "ipv4:", "ipv6:"):
        bare = bare.removeprefix(scheme)
    if bare.startswith("["):
        return bare[1:].partition("]")[0]
    return bare.rpartition(":")[0] or bare


def is_loopback(address: str) -> bool:
    """Say whether `address` is on this machine whatever the name service says."""
    host = host_of(address)
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
