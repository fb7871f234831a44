"""Where the server listens: the socket, the certificate, and the address for a link."""

import errno
import ipaddress
import os
import socket
import ssl
import sys
from typing import Optional, Tuple

from app.errors import OutputError, UsageError

BACKLOG = 64  # connections that the system keeps until they are taken


def listen(host: str, port: int) -> socket.socket:
    """A socket at a host and port. Raises OutputError."""
    where = f"--serve {f'[{host}]' if ':' in host else host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise OutputError(f"{where}: no host of this name was found") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and host == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise OutputError(f"{where}: {_why_not(error, host, port)}") from error
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"another program has this port; choose another one: --serve {host}:{port + 1}"
    if error.errno == errno.EACCES:
        return "ports below 1024 are for root; choose another one: --serve 8080"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address; for all of its addresses: --serve 0.0.0.0:8080"
    return (error.strerror or str(error)).lower()


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """What a server needs for TLS 1.2 and later. Raises UsageError for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if sys.version_info < (3, 10):  # from then on these versions are off, and the option deprecated
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    for path in (certificate, key):
        if not os.access(path, os.R_OK):
            raise UsageError(f"--serve-tls: {path} cannot be read")
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # else it would ask at the terminal
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--serve-tls: {certificate} and {key} are not a certificate and its key, without a password"
        ) from error
    return context


def shown(address: str) -> str:
    """The address for a link: of all addresses that of this machine in its network."""
    if ipaddress.ip_address(address).is_unspecified:
        address = _own_address() or "127.0.0.1"
    return f"[{address}]" if ":" in address else address


def _own_address() -> Optional[str]:
    """That from which this machine would talk to others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))  # an address of no machine (RFC 5737)
            found: Tuple[str, int] = sock.getsockname()
        except OSError:
            return None
    return found[0]
