import pytest

from app.config import read_settings
from app.errors import UsageError
from app.web.arguments import read_place


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", ("127.0.0.1", 8080)),
        ("9000", ("127.0.0.1", 9000)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::]:8080", ("::", 8080)),
        ("board.local:8080", ("board.local", 8080)),
    ],
)
def test_places(text, expected):
    assert read_place(text) == expected


@pytest.mark.parametrize("text", ["x", ":8080", "::1:8080", "8080:", "65536", "a b:80", "-1", "http://a:80", "1.5"])
def test_what_is_no_place(text):
    with pytest.raises(ValueError, match=r"should be \[HOST:\]PORT"):
        read_place(text)


def run(*words):
    return read_settings(["--cam", "test://64x48", *words]).run


def test_options():
    assert run().serve is None
    assert run("--serve").serve == ""
    assert run("--serve", "0.0.0.0:8080").serve == "0.0.0.0:8080"
    given = run("--serve", "--serve-token", "--serve-host", "a,b.example", "--serve-tls", "c.pem", "k.pem")
    assert (given.serve_token, given.serve_host, given.serve_tls) == (True, "a,b.example", ["c.pem", "k.pem"])


@pytest.mark.parametrize(
    "words, message", [(["--serve", "high"], r"\[HOST:\]PORT"), (["--serve-host", "a b"], "names separated by commas")]
)
def test_what_is_wrong(words, message):
    with pytest.raises(UsageError, match=message):
        run(*words)


def config(tmp_path, text):
    path = tmp_path / "cameras.toml"
    path.write_text('cam = "test://64x48"\n' + text)
    return read_settings(["--config", str(path)]).run


def test_in_a_file(tmp_path):
    found = config(
        tmp_path, 'serve = "0.0.0.0:8080"\nserve_token = true\nserve_host = "a"\nserve_tls = ["cert.pem", "key.pem"]\n'
    )
    assert (found.serve, found.serve_token, found.serve_host) == ("0.0.0.0:8080", True, "a")
    assert found.serve_tls == ["cert.pem", "key.pem"]
    assert config(tmp_path, "serve = 8080\n").serve == "8080"


@pytest.mark.parametrize(
    "text, message",
    [
        ('serve_tls = "cert.pem"', r'a certificate and its key, as \["cert.pem", "key.pem"\]'),
        ('serve_tls = ["cert.pem"]', "a certificate and its key"),
        ('serve = "high"', r"serve: .*\[HOST:\]PORT"),
        ("serve = true", "should not be true or false"),
    ],
)
def test_what_is_wrong_in_a_file(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        config(tmp_path, text + "\n")
