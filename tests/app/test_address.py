import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.address import redacted, scheme, unescaped, why_no_video
from app.sources.gstreamer import quote

PASSWORD = "hunter2"


@pytest.mark.parametrize(
    "uri, expected",
    [
        pytest.param("0", "0", id="a number"),
        pytest.param("rtsp:/admin:hunter2@h/x", "***@h/x", id="one slash"),
        pytest.param("admin:hunter2@h/x", "***@h/x", id="no scheme"),
        pytest.param("me@home.mp4", "me@home.mp4", id="a file"),
        pytest.param("/dev/video0", "/dev/video0", id="a device"),
        pytest.param("/dev/v4l/by-id/usb-x@1.2-index0", "/dev/v4l/by-id/usb-x@1.2-index0", id="an @ in a path"),
        pytest.param("csi://0?flip=2", "csi://0?flip=2", id="csi"),
        pytest.param("rtsp://10.0.0.2:554/live", "rtsp://10.0.0.2:554/live", id="nothing to hide"),
        pytest.param("rtsp://admin@10.0.0.2/live", "rtsp://***@10.0.0.2/live", id="a user without a password"),
        pytest.param("rtsp://admin:hunter2@h/live", "rtsp://***@h/live", id="user and password"),
        pytest.param("RTSP://admin:hunter2@h/live", "RTSP://***@h/live", id="upper case"),
        pytest.param("rtmp://admin:hunter2@h/live", "rtmp://***@h/live", id="a scheme that is not supported"),
        pytest.param("http://h/a?user=x&password=hunter2&q=1", "http://h/a?user=x&password=***&q=1", id="in a query"),
        pytest.param("http://h/a?PWD=hunter2", "http://h/a?PWD=***", id="PWD"),
        pytest.param("http://h/a?token=hunter2#top", "http://h/a?token=***", id="token"),
        pytest.param("http://h/a?access_token=hunter2", "http://h/a?access_token=***", id="access_token"),
        pytest.param("http://h/a?api_key=hunter2&b=1", "http://h/a?api_key=***&b=1", id="api_key"),
        pytest.param("http://h/a?password=&b=1", "http://h/a?password=&b=1", id="an empty one"),
        pytest.param("rtsp://h/user=admin&password=hunter2_channel=1", "rtsp://h/user=admin&password=***", id="path"),
        pytest.param(
            "rtsp://h/user=admin_password=hunter2_channel=1", "rtsp://h/user=admin_password=***", id="path, _"
        ),
        pytest.param("http://h/rtsp://u:hunter2@g/x", "http://***@g/x", id="an address in an address"),
        pytest.param(
            'gst://rtspsrc location="rtsp://u:hunter2@h/x" latency=0 ! decodebin name=d@e',
            "gst://rtspsrc location=*** latency=0 ! decodebin name=d@e",
            id="in a quoted address; another @ is harmless",
        ),
        pytest.param(
            "GST://rtspsrc location=rtsp://u:hunter2@h/x user-id=u user-pw=hunter2 ! decodebin",
            "GST://rtspsrc location=rtsp://***@h/x user-id=u user-pw=*** ! decodebin",
            id="in an address and a property",
        ),
        pytest.param("gst://souphttpsrc user-pw=hunter2 ! a", "gst://souphttpsrc user-pw=*** ! a", id="a property"),
        pytest.param("gst://souphttpsrc proxy-pw=hunter2 ! a", "gst://souphttpsrc proxy-pw=*** ! a", id="of a proxy"),
        pytest.param("gst://s user-pw = hunter2 ! a", "gst://s user-pw = *** ! a", id="with spaces round it"),
        pytest.param('gst://s user-pw="a hunter2 b" ! a', "gst://s user-pw=*** ! a", id="in double quotes"),
        pytest.param("gst://s user-pw='a hunter2 b' ! a", "gst://s user-pw=*** ! a", id="in single quotes"),
        pytest.param("gst://v4l2src ! x name=a@b ! y", "gst://v4l2src ! x name=a@b ! y", id="nothing to hide"),
        pytest.param(
            "gst://rtspsrc location=rtsp://u:1@h name=a rtspsrc location=rtsp://u:hunter2@g name=b",
            "gst://rtspsrc location=rtsp://***@h name=a rtspsrc location=rtsp://***@g name=b",
            id="two cameras",
        ),
    ],
)
def test_redacted(uri, expected):
    assert redacted(uri) == expected
    assert PASSWORD not in redacted(uri)


@pytest.mark.parametrize(
    "uri",
    [
        pytest.param('gst://rtspsrc location="rtsp://u:a hunter2@h/x" ! b', id="a space before it, quoted"),
        pytest.param('gst://s user-pw="a\\"hunter2" ! b', id="a quote before it, escaped"),
        pytest.param('gst://s user-pw=(string)"a hunter2" ! b', id="a type before it"),
        pytest.param("http://h/x?pwd=a hunter2", id="a space before it"),
        pytest.param("http://h/x?pwd=a;hunter2", id="a semicolon before it"),
        pytest.param('http://h/x?pwd="a"hunter2', id="quotes before it, which are no quotes in an address"),
        pytest.param("http://h/videostream.cgi?loginuse=admin&loginpas=hunter2", id="loginpas, of many a cheap camera"),
        pytest.param("http://h/x?auth_key=hunter2", id="auth_key"),
    ],
)
def test_rarer_passwords_are_hidden_too(uri):
    assert PASSWORD not in redacted(uri)


@pytest.mark.parametrize(
    "password",
    ["p@hunter2", "a:hunter2", "a/hunter2", "a?hunter2", "a#hunter2", "a%40hunter2", "a hunter2", "a://hunter2"]
    + ["\u5bc6hunter2", "a\nhunter2", "@@hunter2@@", "[hunter2]", "a&hunter2", '"a"hunter2', "***hunter2"],
)
@pytest.mark.parametrize("kind", ["rtsp", "RTSPS", "http", "Https", "rtmp"])
def test_a_password_may_hold_anything(kind, password):
    assert redacted(f"{kind}://admin:{password}@10.0.0.2:554/live?a=b") == kind + "://***@10.0.0.2:554/live?a=b"


printable = st.text().filter(str.isprintable)


@given(printable)
def test_nothing_of_a_password_is_shown(password):
    assert redacted("rtsp://user:" + password + "@host:554/x") == "rtsp://***@host:554/x"


@given(printable)
def test_nothing_of_a_password_is_shown_in_a_pipeline(password):
    address = quote(f"rtsp://user:{password}@host:554/x")
    assert redacted(f"gst://rtspsrc location={address} ! decodebin name=a@b") == (
        "gst://rtspsrc location=*** ! decodebin name=a@b"
    )


@given(printable.filter(lambda text: not any(character.isspace() or character in "\"'" for character in text)))
def test_nothing_of_a_password_is_shown_in_a_pipeline_without_quotes(password):
    pipeline = "gst://rtspsrc location=rtsp://{}@host:554/x ! decodebin name=a@b"
    assert redacted(pipeline.format("user:" + password)) == pipeline.format("***")


@pytest.mark.parametrize(
    "uri, expected",
    [("rtsp://h/x", "rtsp"), ("RTSP://h", "rtsp"), ("gst://a ! b uri=http://h", "gst"), ("0", ""), ("/dev/video0", "")]
    + [("a.mp4", ""), ("rtsp:/h", ""), ("", "")],
)
def test_scheme(uri, expected):
    assert scheme(uri) == expected


SECRETS = ("alice", PASSWORD, "127.0.0.1", "camera.example")


@pytest.fixture
def port():
    """One that is taken, so that nobody else gets it, but on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def reason(host, scheme="rtsp"):
    """For this host, checked for what it must not say."""
    text = why_no_video(f"{scheme}://alice:{PASSWORD}@{host}/live")
    assert not any(secret in text for secret in SECRETS)
    return text


@pytest.mark.parametrize("kind", ["rtsp", "RTSP", "http"])
def test_a_port_on_which_nobody_listens(port, kind):
    assert reason(f"127.0.0.1:{port}", kind) == "connection refused"


def test_a_port_on_which_somebody_listens():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        text = reason(f"127.0.0.1:{server.getsockname()[1]}")
    assert text.startswith("the host responds")
    assert "path" in text
    assert "password" in text


@pytest.mark.parametrize(
    "raised, phrase",
    [
        pytest.param(
            socket.gaierror(-2, "Name or service not known: camera.example"), "no host of this name", id="DNS"
        ),
        pytest.param(socket.timeout("timed out"), "does not respond", id="nothing comes"),
        pytest.param(OSError(113, "No route to host"), "no route to host", id="no route"),
        pytest.param(OSError("odd"), "odd", id="an error without a number"),
    ],
)
def test_a_host_that_cannot_be_reached(monkeypatch, raised, phrase):
    def fail(*arguments, **options):
        raise raised

    # The first is what a name server's answer becomes, the others happen when the address is known.
    name = "getaddrinfo" if isinstance(raised, socket.gaierror) else "create_connection"
    monkeypatch.setattr(socket, name, fail)
    assert phrase in reason("camera.example:554")


@pytest.mark.parametrize(
    "uri, address",
    [
        ("rtsp://h/x", ("h", 554)),
        ("RTSPS://u:p@h/x", ("h", 322)),
        ("http://h", ("h", 80)),
        ("https://h", ("h", 443)),
        ("http://u:p@h:8080/x", ("h", 8080)),
        ("rtsp://u:p@q@h:8554/x", ("h", 8554)),
        ("rtsp://[::1]/x", ("::1", 554)),
    ],
)
def test_the_host_that_is_asked(monkeypatch, uri, address):
    asked = []

    def connect(*arguments):
        asked.append(arguments)
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", connect)
    why_no_video(uri, 0.5)
    assert asked == [(address, 0.5)]


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("", id="no host"),
        pytest.param(":554", id="a port only"),
        pytest.param("h:port", id="a word for a port"),
        pytest.param("h:99999", id="a port that is none"),
        pytest.param("[::1", id="half an IPv6 address"),
        pytest.param("a..b", id="an empty part of a name"),
        pytest.param("a" * 70, id="a part of a name that is too long"),
    ],
)
def test_nonsense_for_an_address(host):
    assert "not an address" in reason(host)


@pytest.mark.parametrize(
    "password, characters, written",
    [
        ("a/b", "/", "%2F"),
        ("a?b", "?", "%3F"),
        ("a#b", "#", "%23"),
        ("a/hunter2", "/", "%2F"),
        ("a?b#c/d", "# and / and ?", "%23, %2F, %3F"),
        ("/", "/", "%2F"),
        ("a@b#c", "#", "%23"),
        ("12#hunter2", "#", "%23"),
    ],
)
@pytest.mark.parametrize("ending", ["127.0.0.1/live", "127.0.0.1", "camera.example:554/live?a=b"])
def test_a_password_that_has_to_be_escaped(monkeypatch, password, characters, written, ending):
    """The address then seems to end in it."""

    def fail(*arguments):
        raise socket.gaierror(-2, "Name or service not known: hunter2")

    monkeypatch.setattr(socket, "create_connection", fail)
    uri = f"rtsp://alice:{password}@{ending}"
    text = why_no_video(uri)
    assert text.endswith(f"; a password with {characters} has to be written with {written}")
    assert text.startswith(("not an address; ", "no host of this name was found; "))
    assert not any(secret in text for secret in (*SECRETS, "hunter2"))
    assert redacted(uri) == "rtsp://***@" + ending


@pytest.mark.parametrize("uri", ["rtsp://u:p%23q@h/live?x=y#z", "rtsp://h/live", "rtsp://u:p@q@h/live", "h/a@b"])
def test_addresses_in_which_nothing_is_to_be_escaped(monkeypatch, uri):
    assert unescaped(uri) == ""


def test_an_at_sign_in_the_path(monkeypatch):
    """It may also be a path's, so the reason stays."""

    def refuse(*arguments):
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    text = why_no_video("rtsp://alice:secret@camera.example/live@2")
    assert text == "connection refused; a password with / has to be written with %2F"
