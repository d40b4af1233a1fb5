"""The guarded client: what it refuses to reach, and that it goes to the very address it checked."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gzip
import socket
import ssl
import tempfile

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.outbound import AnswerPackedTwice, AnswerTooLarge, ForbiddenHost, check_url, outbound_client
from tests.connectors.servers import Answer, serving


async def test_a_listed_host_is_reached_though_it_is_loopback():
    async with serving(lambda _: Answer(body=b"hello")) as server, outbound_client(allowed_hosts=["127.0.0.1"]) as http:
        assert (await http.get(server.url)).text == "hello"


@pytest.mark.parametrize("allowed", [[], ["source.example"]])
async def test_loopback_is_refused_unless_listed(allowed):
    async with serving(lambda _: Answer()) as server, outbound_client(allowed_hosts=allowed) as http:
        with pytest.raises(ForbiddenHost):
            await http.get(server.url)
    assert server.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "localhost.",
        "db",
        "printer.local",
        "metadata.google.internal",
    ],
)
def test_a_private_or_oddly_written_host_is_refused_when_it_is_saved(host):
    with pytest.raises(ForbiddenHost):
        check_url(f"http://{host}:8080/hook")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://source.example/",
        "file:///etc/passwd",
        "/relative",
        "http://",
        "https://user:word@source.example/",
        "http://source.example:99999/",
        "http://[::1",
        "",
    ],
)
def test_what_is_not_a_plain_web_address_is_refused(url):
    with pytest.raises(ForbiddenHost):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://hooks.source.example/a?b=c", []),
        ("https://8.8.8.8/", []),
        ("https://[2606:4700:4700::1111]/", []),
        ("http://localhost:9000/hook", ["LOCALHOST"]),
        ("http://[::1]:9000/hook", ["[::1]:443"]),
        ("http://10.0.0.7/hook", ["10.0.0.7:80", "source.example"]),
        ("http://SOURCE.example./hook", ["source.example"]),
    ],
)
def test_a_public_or_listed_address_may_be_saved(url, allowed):
    check_url(url, allowed)


def test_the_message_shows_neither_path_nor_credentials():
    with pytest.raises(ForbiddenHost) as caught:
        check_url("https://user:hunter2@source.example/private?token=abc")
    assert "source.example" in str(caught.value)
    assert not {"hunter2", "abc", "private?"} & set(str(caught.value).replace("/", " ").split())


async def test_a_name_that_leads_inside_is_refused_where_only_the_name_was_checked(monkeypatch):
    asked = names(monkeypatch, {"hook.source.example": ["127.0.0.1"]})
    async with serving(lambda _: Answer()) as server, outbound_client() as http:
        with pytest.raises(ForbiddenHost):
            await http.get(server.url.replace("127.0.0.1", "hook.source.example"))
    assert (server.requests, asked) == ([], ["hook.source.example"])


async def test_a_name_is_resolved_once_and_the_checked_address_is_the_one_called(monkeypatch):
    asked = names(monkeypatch, {"source.example": ["127.0.0.1"]})
    async with (
        serving(lambda _: Answer(body=b"x")) as server,
        outbound_client(allowed_hosts=["source.example"]) as http,
    ):
        await http.get(server.url.replace("127.0.0.1", "source.example"))
    assert asked == ["source.example"]
    assert server.requests[0].headers["host"].startswith("source.example:")


async def test_of_several_addresses_the_next_is_tried(monkeypatch):
    names(monkeypatch, {"source.example": ["127.0.0.2", "127.0.0.1"]})
    async with (
        serving(lambda _: Answer(body=b"x")) as server,
        outbound_client(allowed_hosts=["source.example"]) as http,
    ):
        assert (await http.get(server.url.replace("127.0.0.1", "source.example"))).text == "x"


async def test_an_unknown_name_is_a_connection_error(monkeypatch):
    names(monkeypatch, {})
    async with outbound_client() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("http://nowhere.example/")


async def test_proxies_of_the_environment_are_ignored(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving(lambda _: Answer(body=b"x")) as server, outbound_client(allowed_hosts=["127.0.0.1"]) as http:
        assert (await http.get(server.url)).text == "x"


async def test_a_redirect_comes_back_as_it_is_by_default():
    async with (
        serving(lambda _: Answer(302, headers={"location": "/other"})) as server,
        outbound_client(allowed_hosts=["127.0.0.1"]) as http,
    ):
        assert (await http.get(server.url)).status_code == 302
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "target", ["http://localhost:{port}/", "http://127.0.0.1:1/", "https://127.0.0.1:{port}/", "//x.y/"]
)
async def test_a_redirect_elsewhere_is_refused(target):
    port = 0

    def handler(_):
        return Answer(307, headers={"location": target.format(port=port)})

    async with (
        serving(handler) as server,
        outbound_client(allowed_hosts=["127.0.0.1", "localhost", "x.y"], max_redirects=3) as http,
    ):
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ForbiddenHost):
            await http.get(server.url)
    assert len(server.requests) == 1


async def test_redirects_in_a_circle_end():
    async with (
        serving(lambda _: Answer(302, headers={"location": "/again"})) as server,
        outbound_client(allowed_hosts=["127.0.0.1"], max_redirects=3) as http,
    ):
        with pytest.raises(httpx.TooManyRedirects):
            await http.get(server.url)
    assert len(server.requests) == 4


async def test_an_answer_over_the_limit_is_cut_off():
    async with (
        serving(lambda _: Answer(body=b"x" * 2000)) as server,
        outbound_client(allowed_hosts=["127.0.0.1"], max_bytes=1000) as http,
    ):
        with pytest.raises(AnswerTooLarge):
            await http.get(server.url)


async def test_an_answer_that_is_packed_twice_is_refused_before_it_is_unpacked():
    """Piece by piece one layer cannot fill the memory; two can, with a few kilobytes on the wire."""
    bomb = gzip.compress(gzip.compress(b"0" * 10_000_000))
    packed = Answer(body=bomb, headers={"content-encoding": "gzip, gzip"})
    plain = Answer(body=gzip.compress(b"hello"), headers={"content-encoding": "identity, gzip"})
    async with outbound_client(allowed_hosts=["127.0.0.1"]) as http:
        async with serving(lambda _: packed) as server:
            with pytest.raises(AnswerPackedTwice):
                await http.get(server.url)
        async with serving(lambda _: plain) as server:
            assert (await http.get(server.url)).text == "hello"


async def test_the_certificate_is_asked_and_checked_for_the_name(monkeypatch):
    names(monkeypatch, {"source.example": ["127.0.0.1"]})
    async with tls_server() as (port, asked_names), outbound_client(allowed_hosts=["source.example"]) as http:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get(f"https://source.example:{port}/")
    assert asked_names == ["source.example"]


def names(monkeypatch, table: dict[str, list[str]]) -> list[str]:
    """A name service that knows only the table; the list it returns fills with the names asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        if host not in table:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [entry for address in table[host] for entry in real(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@contextlib.asynccontextmanager
async def tls_server():
    """A server with a certificate that nobody vouches for; yields its port and the names it is asked for."""
    asked: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    with contextlib.ExitStack() as stack:
        context.load_cert_chain(stack.enter_context(certificate("source.example")))
    listener = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with listener:
        yield listener.sockets[0].getsockname()[1], asked


@contextlib.contextmanager
def certificate(name: str):
    """The path of a file with a new key and its self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        file.write(signed.public_bytes(serialization.Encoding.PEM))
        file.flush()
        yield file.name
