"""The one guarded way out: HTTP and TLS under host allow-lists, no private address, pinned, with limits."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from typing import cast

import httpcore
import httpx

MIB = 1024 * 1024
_LOCAL_SUFFIXES = ("localhost", "local", "internal", "home.arpa")
_NUMERIC_LABEL = re.compile(r"(?:[0-9]+|0[xX][0-9a-fA-F]*)")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class ForbiddenHost(httpx.RequestError):
    """This installation may not call that address; the message is one plain sentence without the path or query."""


class AnswerTooLarge(httpx.TransportError):
    """The answer went over the size limit and was cut off."""


class AnswerPackedTwice(httpx.TransportError):
    """The answer is compressed more than once, as only one that shall fill our memory is."""


def outbound_client(
    *,
    allowed_hosts: Sequence[str] = (),
    timeout: timedelta = timedelta(seconds=30),
    max_bytes: int = 64 * MIB,
    max_redirects: int = 0,
) -> httpx.AsyncClient:
    """A client that reaches only `allowed_hosts`, or any public host where the list is empty.

    A listed host may be loopback or private, on any port; nothing else may. The connection goes to the very address
    that was checked, so a name cannot be re-pointed in between. Proxies of the environment are ignored. A redirect is
    returned as it is unless `max_redirects` is set, and even then one to another host is refused.

    Every call may raise ForbiddenHost, AnswerPackedTwice, and AnswerTooLarge past `max_bytes` on the wire.
    """
    allowed = _host_set(allowed_hosts)

    async def check_request(request: httpx.Request) -> None:
        _check_url(request.url, allowed)

    return httpx.AsyncClient(
        transport=_GuardedTransport(allowed, max_bytes),
        timeout=httpx.Timeout(timeout.total_seconds()),
        follow_redirects=max_redirects > 0,
        max_redirects=max(max_redirects, 1),
        trust_env=False,
        headers={"User-Agent": "Tanggap"},
        event_hooks={"request": [check_request], "response": [_refuse_foreign_redirect] if max_redirects else []},
    )


async def dial(
    host: str,
    port: int,
    *,
    allowed_hosts: Sequence[str] = (),
    patience: timedelta = timedelta(seconds=30),
    context: ssl.SSLContext | None = None,
) -> ssl.SSLSocket:
    """A blocking TLS connection under the same rule as `outbound_client`, for what speaks no HTTP.

    `patience` covers the connection and then each read and write. `context` is for those who trust another authority
    than the public ones.

    Raises: ForbiddenHost; httpx.ConnectError, httpx.ConnectTimeout.
    """
    allowed, name, seconds = _host_set(allowed_hosts), _fold_host(host), patience.total_seconds()
    _check_host(name, allowed)
    trusted = context or httpx.create_ssl_context(trust_env=False)
    try:
        async with asyncio.timeout(seconds):
            addresses = await _permitted(host, port, allowed)
        return await asyncio.to_thread(_connect, addresses, name, port, seconds, trusted)
    except TimeoutError as error:
        raise httpx.ConnectTimeout("it did not answer in time") from error
    except (OSError, httpcore.ConnectError) as error:
        raise httpx.ConnectError(str(error) or type(error).__name__) from error


def _connect(addresses: Sequence[str], name: str, port: int, timeout: float, trusted: ssl.SSLContext) -> ssl.SSLSocket:
    """A TLS connection to the first of the addresses that answers, with the certificate checked for the name."""
    failure: OSError | None = None
    for address in addresses:
        try:
            plain = socket.create_connection((address, port), timeout)
        except OSError as error:
            failure = error
            continue
        try:
            return trusted.wrap_socket(plain, server_hostname=name)
        except OSError:
            plain.close()
            raise
    raise failure or OSError(f"{name} has no address")


def check_url(url: str, allowed_hosts: Sequence[str] = ()) -> None:
    """Nothing for a URL that may be called, as far as can be told without asking the name service.

    Raises: ForbiddenHost for another scheme than http and https, credentials in the URL, a host outside the list, and
    a loopback, private or oddly written address that is not in it.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise ForbiddenHost("this is not a URL that can be called") from error
    _check_url(parsed, _host_set(allowed_hosts))


def _check_url(url: httpx.URL, allowed: frozenset[str]) -> None:
    host = _fold_host(url.host)
    if url.scheme not in ("http", "https") or not host or not (url.port is None or 0 < url.port < 65536):
        raise ForbiddenHost("only http:// and https:// addresses with a host and a possible port may be called")
    if url.userinfo:
        raise ForbiddenHost(f"the address of {host} carries credentials; give them apart from the URL")
    _check_host(host, allowed)


def _check_host(host: str, allowed: frozenset[str]) -> None:
    if host in allowed:
        return
    if allowed:
        raise ForbiddenHost(f"{host} is not in the list of allowed hosts")
    address = _literal(host)
    if address is not None and not _is_public(address):
        raise ForbiddenHost(
            f"{host} is a loopback, private or reserved address and is not in the list of allowed hosts"
        )
    if address is None and (_looks_numeric(host) or _is_local_name(host)):
        raise ForbiddenHost(f"{host} is not a public host name and is not in the list of allowed hosts")


def _host_set(hosts: Iterable[str]) -> frozenset[str]:
    return frozenset(folded for host in hosts if (folded := _fold_host(_without_port(host.strip()))))


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    name, colon, port = entry.partition(":")
    return name if colon and port.isdigit() else entry


def _fold_host(host: str) -> str:
    folded = host.strip().strip("[]").rstrip(".").lower()
    address = _literal(folded)
    return folded if address is None else str(address)


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _looks_numeric(host: str) -> bool:
    """Whether the last label is a number, which resolvers read as an IPv4 address (2130706433, 0x7f.1, 127.1)."""
    return _NUMERIC_LABEL.fullmatch(host.rsplit(".", 1)[-1]) is not None


def _is_local_name(host: str) -> bool:
    return "." not in host or any(host.endswith("." + suffix) for suffix in _LOCAL_SUFFIXES)


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        return all(map(_is_public, _embedded(address))) and _is_public_form(address)
    return _is_public_form(address)


def _is_public_form(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address in _NAT64):
        return True  # judged by the IPv4 address inside
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that a mapped, 6to4, Teredo or NAT64 address leads to."""
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [inner for inner in found if inner is not None]


async def _refuse_foreign_redirect(response: httpx.Response) -> None:
    if not response.has_redirect_location:
        return
    origin = response.request.url
    try:
        target = origin.join(response.headers["location"])
    except httpx.InvalidURL as error:
        raise ForbiddenHost(f"{origin.host} redirects to an address that cannot be read") from error
    is_upgrade = (origin.scheme, target.scheme) == ("http", "https") and target.port is None
    is_same_place = (origin.scheme, origin.port) == (target.scheme, target.port)
    if origin.host != target.host or not (is_upgrade or is_same_place):
        raise ForbiddenHost(f"{origin.host} redirects to another host, port or scheme, which is never followed")


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """A transport whose connections are made by `_GuardedBackend` and whose answers end at a size limit."""

    def __init__(self, allowed: frozenset[str], max_bytes: int) -> None:
        context = httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        # httpx offers no way to pass a network backend; the pool is otherwise the one it makes itself.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5,
            network_backend=_GuardedBackend(allowed),
        )
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if _layers(response.headers.get("content-encoding", "")) > 1:
            # One layer grows a thousandfold at most while it is read piece by piece, two of them a millionfold.
            await response.aclose()
            raise AnswerPackedTwice("the answer is compressed more than once")
        response.stream = _CappedStream(cast(httpx.AsyncByteStream, response.stream), self._max_bytes)
        return response


def _layers(codings: str) -> int:
    return sum(coding.strip().lower() not in ("", "identity") for coding in codings.split(","))


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name itself, checks each address and connects to one that passed."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        try:
            addresses = await asyncio.wait_for(_permitted(host, port, self._allowed), timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


async def _permitted(host: str, port: int, allowed: frozenset[str]) -> list[str]:
    """The addresses of a host that may be called.

    Raises: ForbiddenHost; httpcore.ConnectError for a name that cannot be resolved.
    """
    addresses = await _resolve(host, port)
    name = _fold_host(host)
    if name in allowed:
        return addresses
    public = [address for address in addresses if (found := _literal(address)) is not None and _is_public(found)]
    if allowed or (addresses and not public):
        raise ForbiddenHost(f"{name} leads to a private address and is not in the list of allowed hosts")
    return public


async def _resolve(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host} cannot be resolved") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _CappedStream(httpx.AsyncByteStream):
    """The bytes of an answer, up to a limit."""

    def __init__(self, stream: httpx.AsyncByteStream, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._stream:
            seen += len(chunk)
            if seen > self._max_bytes:
                raise AnswerTooLarge(f"the answer is larger than {self._max_bytes:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
