"""A POST against servers that answer slowly, wrongly or never, and addresses that are not public."""

import http.client
import socket
import threading
import time
from email.utils import formatdate

import pytest
from support.hooks import Hooks

from app.notify import post as post_module
from app.notify.post import Post, Refused, is_public


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::", "64:ff9b::5db8:d822"])
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "not an address", "198.18.0.1"],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1/"])
def test_a_private_address_is_refused_before_anything_is_sent(url, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(Refused, match="is not a public address"):
        Post(url, public_only=True).send(b"{}", {})


def test_a_name_that_resolves_to_a_private_address_is_refused(monkeypatch):
    """Also where only one of its addresses is."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
    with pytest.raises(Refused, match=r"10\.0\.0\.7"):
        Post("http://public.example/", public_only=True).send(b"{}", {})


def test_the_address_that_was_looked_at_is_the_one_that_is_used(monkeypatch):
    """A name server that answers otherwise the second time gains nothing: it is asked once."""
    asked = []

    def find(host, port, **options):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]

    connected = []
    monkeypatch.setattr(socket, "getaddrinfo", find)
    monkeypatch.setattr(Post, "_open", lambda self, sock, place, deadline: connected.append(place) or sock.close())
    with pytest.raises((OSError, AttributeError)):
        Post("http://rebinding.example/", public_only=True).send(b"{}", {})
    assert (asked, connected) == (["rebinding.example"], [("93.184.216.34", 80)])


@pytest.mark.slow
class TestServer:
    def test_what_is_sent(self):
        with Hooks() as hooks:
            answer = Post(hooks.url + "/a?b=c").send(b"{}", {"webhook-id": "1"})
        assert answer == (200, None)
        ((path, headers, body),) = hooks.requests
        assert (path, body) == ("/a?b=c", b"{}")
        assert headers["Content-Type"] == "application/json"
        assert headers["Host"] == "127.0.0.1:%d" % hooks.port
        assert headers["webhook-id"] == "1"

    def test_no_redirect_is_followed(self):
        with Hooks() as other, Hooks([(302, {"Location": other.url})]) as hooks:
            assert Post(hooks.url).send(b"{}", {}).status == 302
            assert not other.requests

    @pytest.mark.parametrize(("said", "seconds"), [("120", 120.0), ("soon", None), ("-1", None), ("9" * 30, 86400.0)])
    def test_retry_after(self, said, seconds):
        with Hooks([(503, {"Retry-After": said})]) as hooks:
            assert Post(hooks.url).send(b"{}", {}) == (503, seconds)

    def test_retry_after_a_date(self):
        with Hooks([(429, {"Retry-After": formatdate(time.time() + 600, usegmt=True)})]) as hooks:
            assert 500 < Post(hooks.url).send(b"{}", {}).retry_after <= 600

    @pytest.mark.parametrize("how", ["never", "drip"])
    def test_the_time_limit_is_for_all_of_it(self, how):
        with Hooks() as hooks:
            hooks.answers.append(getattr(hooks, how))
            with pytest.raises(socket.timeout):
                Post(hooks.url, limit=0.3).send(b"{}", {})

    def test_a_server_that_does_not_speak_http(self):
        with Hooks([lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")]) as hooks:
            with pytest.raises(http.client.HTTPException):
                Post(hooks.url).send(b"{}", {})

    def test_an_endless_answer_is_not_read(self, monkeypatch):
        monkeypatch.setattr(post_module, "LARGEST_ANSWER", 100)

        def talk(handler):
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b"x" * 65536)
            except OSError:
                pass

        with Hooks([talk]) as hooks:
            assert Post(hooks.url).send(b"{}", {}).status == 200

    def test_nobody_there(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with pytest.raises(ConnectionRefusedError):
            Post("http://127.0.0.1:%d/" % port).send(b"{}", {})

    def test_it_is_interrupted_from_another_thread(self):
        with Hooks() as hooks:
            hooks.answers.append(hooks.never)
            post, raised = Post(hooks.url), []

            def send():
                try:
                    post.send(b"{}", {})
                except (OSError, http.client.HTTPException) as error:
                    raised.append(error)

            thread = threading.Thread(target=send)
            thread.start()
            while not hooks.requests:
                time.sleep(0.01)
            post.interrupt()
            thread.join(30)
            assert raised
