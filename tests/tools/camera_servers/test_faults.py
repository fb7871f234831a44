import os
import threading
import time

import pytest
from support.streams import LIMIT, SETTLED, drain, is_silent, receive

from tools.camera_servers.faults import FaultProxy
from tools.camera_servers.loopback import LoopbackServer


class Echo(LoopbackServer):
    def serve(self, connection):
        while True:
            data = connection.socket.recv(4096)
            if not data:
                return
            connection.send(data)


@pytest.fixture
def proxy(nothing_left):
    with Echo() as upstream, FaultProxy(upstream.port) as proxy:
        proxy.upstream = upstream
        yield proxy


def test_forwards(proxy, connect):
    client = connect(proxy.port)
    client.settimeout(LIMIT)
    data = os.urandom(1 << 20)
    sender = threading.Thread(target=client.sendall, args=(data,))
    sender.start()
    assert receive(client, len(data)) == data
    sender.join(LIMIT)
    client.close()
    end = time.monotonic() + LIMIT
    while proxy.clients() or proxy.upstream.clients():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_freeze(proxy, connect):
    client = connect(proxy.port)
    client.sendall(b"before")
    assert receive(client, 6) == b"before"
    proxy.fault = "freeze"
    time.sleep(SETTLED)
    other = connect(proxy.port)
    for each in (client, other):
        each.sendall(b"after")
        assert is_silent(each)
    proxy.fault = None
    for each in (client, other):
        assert receive(each, 5) == b"after"


def test_garbage(proxy, connect):
    client = connect(proxy.port)
    proxy.fault = "garbage"
    client.sendall(b"0123456789")
    assert receive(client, 10) != b"0123456789"
    proxy.fault = None
    client.sendall(b"0123456789")
    assert receive(client, 10) == b"0123456789"


def test_slow(proxy, connect):
    proxy.fault, proxy.slow_seconds = "slow", 1.0
    start = time.monotonic()
    client = connect(proxy.port)
    client.sendall(b"a")
    assert client.recv(1) == b"a"
    assert time.monotonic() - start >= 1
    start = time.monotonic()
    client.sendall(b"b")
    assert client.recv(1) == b"b"
    assert time.monotonic() - start < 1, "only the beginning is slow"


@pytest.mark.parametrize("fault", [None, "freeze", "slow"])
def test_cut_and_refuse(proxy, connect, fault):
    proxy.fault, proxy.slow_seconds = fault, 60
    first = connect(proxy.port)
    time.sleep(SETTLED)
    proxy.cut()
    drain(first)
    second = connect(proxy.port)
    time.sleep(SETTLED)
    proxy.refuse()
    drain(second)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy.port)
    port, proxy.fault = proxy.port, None
    proxy.listen()
    third = connect(port)
    third.sendall(b"a")
    assert third.recv(1) == b"a"


def test_without_upstream(proxy, connect):
    proxy.upstream.refuse()
    assert connect(proxy.port).recv(1) == b""
