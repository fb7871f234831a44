"""The live view: whether its port is free or its own, whether its token is kept, and who can reach it."""

import errno
import ipaddress
import os
import re
import socket
import ssl
import stat
from typing import NamedTuple, Optional

from app.checks import Result, failed, passed, skipped, warned
from app.checks.machine import Machine
from app.checks.system import is_installed
from app.errors import OutputError
from app.web.arguments import Place, read_place
from app.web.port import listen
from app.web.token import token_path

SETTINGS, CAMERAS, SERVICE_TOKEN = "etc/nanoyolo/nanoyolo.env", "etc/nanoyolo/nanoyolo.toml", "var/lib/nanoyolo/token"
PATIENCE = 2.0  # seconds for an answer
ANSWER = 4 << 10  # bytes of an answer that are looked at
MAKE_CERTIFICATE = (
    'openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$(hostname)" -keyout key.pem -out cert.pem'
    "  # then: --serve-tls cert.pem key.pem"
)

_NOW = r"^[ \t]*{}[ \t]*=[ \t]*[\"'\[]*([^\"'\]#\n]*)"  # of a file of settings, whether TOML or for systemd


class Served(NamedTuple):
    """What is to be served, by `--serve` or by the service. tls: whether with a certificate. token: its file."""

    place: Place
    tls: bool
    guarded: bool
    token: str


def live_view(machine: Machine) -> Result:
    """Its port, its token, and whether others can listen."""
    try:
        served = _served(machine)
    except PermissionError:
        return skipped("unknown: the service's settings are for root and the service; type: sudo python3 -m app.doctor")
    if served is None:
        return skipped("not asked for; --serve 8080 does")
    host, port = served.place
    where = "{}:{}".format(f"[{host}]" if ":" in host else host, port)
    try:
        listen(host, port).close()
        found = "is free"
    except OutputError as error:
        reason = str(error).split(": ", 1)[-1].split("; ")[0]
        taken = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
        if not (taken and _answers(served)):
            return failed(f"{where}: {reason}", f"sudo ss -ltnp 'sport = :{port}'" if taken else "ip address")
        found = "is served by nanoyolo"
    if not served.guarded:
        return passed(f"{where} {found}, and for this machine only")
    trouble = _token_trouble(served.token)
    if trouble is not None:
        return failed(f"{served.token}: {trouble}", f"sudo rm {served.token}")
    if not served.tls and not _is_local(host):
        return warned(f"{where} {found}; as it is not https, all in the network can listen", MAKE_CERTIFICATE)
    return passed(f"{where} {found}, and needs the token")


def _served(machine: Machine) -> Optional[Served]:
    """None if nothing is to be served. Raises PermissionError if the service's settings are not for this user."""
    if machine.serve is not None:
        place = read_place(machine.serve)
        return Served(place, False, not _is_local(place.host), token_path())
    if not is_installed(machine):
        return None
    texts = [_read(machine.path(path)) for path in (SETTINGS, CAMERAS)]

    def setting(key: str) -> str:
        names = ("NANOYOLO_" + key.upper(), key)
        found = [re.search(_NOW.format(name), text, re.M) for text, name in zip(texts, names)]
        return next((match.group(1).strip() for match in found if match and match.group(1).strip()), "")

    if not setting("serve"):
        return None
    place = read_place(setting("serve"))
    guarded = not _is_local(place.host) or setting("serve_token") in ("yes", "true", "on", "1")
    return Served(place, bool(setting("serve_tls")), guarded, machine.path(SERVICE_TOKEN))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _is_local(host: str) -> bool:
    """Whether only this machine has the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _nearest(host: str) -> str:
    """Where this machine reaches what listens there."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "::1" if address.version == 6 else "127.0.0.1"


def _token_trouble(path: str) -> Optional[str]:
    """What is wrong with the file of a token; None if nothing is, or if the program is still to make it."""
    try:
        status = os.lstat(path)
    except OSError:  # not there yet, or in the service's folder, which only root can look into
        return None
    if not stat.S_ISREG(status.st_mode):
        return "is not a file, and so no token for viewers"
    return "others can read the viewers' token; the program makes a new one" if status.st_mode & 0o077 else None


def _answers(served: Served) -> bool:
    """Whether the program that has the port is a live view."""
    place = _nearest(served.place.host), served.place.port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing secret is sent
    for wrap in (lambda sock: sock, context.wrap_socket):
        try:
            with socket.create_connection(place, PATIENCE) as sock, wrap(sock) as channel:
                channel.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                answer = channel.recv(ANSWER)
        except OSError:
            continue
        if b'realm="nanoyolo"' in answer or b'{"healthy"' in answer:
            return True
    return False
