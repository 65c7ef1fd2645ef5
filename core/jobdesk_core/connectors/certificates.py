"""The certificate that a server shows, and why it was not accepted.

libpq says neither, so the server is asked for its certificate once more, and that is looked at here.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg

from jobdesk_core.connectors.x509 import Certificate, certificate

Reason = Literal["expired", "not yet valid", "self-signed", "unknown authority", "revoked", "no list of revoked"]

_TIMEOUT_S = 3.0
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
#: OpenSSL's numbers of what is wrong.
_REASONS: dict[int, Reason] = {
    3: "no list of revoked",
    9: "not yet valid",
    10: "expired",
    12: "no list of revoked",
    18: "self-signed",
    23: "revoked",
    **dict.fromkeys((2, 19, 20, 21, 27), "unknown authority"),
}
#: OpenSSL's own words, which nobody translates.
_NOT_VERIFIED = "certificate verify failed"


class CertificateRefused(psycopg.OperationalError):
    """The server's certificate was not accepted, for this `reason`."""

    def __init__(self, error: psycopg.Error, reason: Reason) -> None:
        super().__init__(str(error))
        self.reason = reason


def is_refused(error: BaseException) -> bool:
    """Whether a connection failed since the server's certificate was not accepted."""
    return isinstance(error, psycopg.OperationalError) and _NOT_VERIFIED in str(error) and error.pgconn is not None


def with_reason(error: psycopg.OperationalError) -> psycopg.OperationalError:
    """The error with the reason why the certificate was not accepted, as far as it can be found. Takes seconds."""
    reason = None
    # Whatever hinders the look: what libpq has said stays.
    with contextlib.suppress(OSError, ValueError, psycopg.Error):
        reason = _REASONS.get(_verify_code(error.pgconn))
    return CertificateRefused(error, reason) if reason is not None else error


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server shows to whoever wants to encrypt: the protocol, such as `TLSv1.3`, and its certificate."""

    protocol: str
    certificate: Certificate


def shown(pgconn: Any) -> Shown | None:
    """What the server of a connection that was made shows; None when it cannot be seen. Takes seconds at worst."""
    # Whatever hinders the look: the connection itself is there.
    with contextlib.suppress(OSError, ValueError, psycopg.Error):
        said = _said(pgconn)
        context = _context()
        context.verify_mode = ssl.CERT_NONE
        for name, bound in (("ssl_min_protocol_version", "minimum"), ("ssl_max_protocol_version", "maximum")):
            if said.get(name):
                setattr(context, f"{bound}_version", ssl.TLSVersion[said[name].replace(".", "_")])
        with _encrypted(said, context) as server:
            der = server.getpeercert(binary_form=True) if server is not None else None
            if server is not None and der is not None:
                return Shown(server.version() or "", certificate(der))
    return None


def _verify_code(pgconn: Any) -> int:
    """OpenSSL's number of what is wrong with the certificate that a server shows; 0 when nothing is."""
    said, context = _said(pgconn), _context()
    root = said.get("sslrootcert") or str(Path.home() / ".postgresql" / "root.crt")
    if root == "system":
        context.load_default_certs()
    else:
        context.load_verify_locations(root)
    revoked = said.get("sslcrl") or str(Path.home() / ".postgresql" / "root.crl")
    if root != "system" and (said.get("sslcrldir") or Path(revoked).is_file()):
        # As libpq does: a list for every certificate of the chain.
        context.load_verify_locations(revoked if Path(revoked).is_file() else None, said.get("sslcrldir") or None)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    try:
        with _encrypted(said, context):
            return 0
    except ssl.SSLCertVerificationError as error:
        return error.verify_code


def _said(pgconn: Any) -> dict[str, str]:
    """The parameters that libpq has connected by."""
    return {each.keyword.decode(): (each.val or b"").decode() for each in pgconn.info}


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.set_alpn_protocols(["postgresql"])
    return context


@contextlib.contextmanager
def _encrypted(said: dict[str, str], context: ssl.SSLContext) -> Iterator[ssl.SSLSocket | None]:
    """A connection of our own to the same server, as far as its encryption goes; None when it offers none."""
    host, address, port = said.get("host", ""), said.get("hostaddr", ""), said.get("port") or "5432"
    with socket.create_connection((address or host, int(port)), timeout=_TIMEOUT_S) as server:
        if said.get("sslnegotiation") != "direct":
            server.sendall(_SSL_REQUEST)
            if server.recv(1) != b"S":
                yield None
                return
        with context.wrap_socket(server, server_hostname=host or None) as encrypted:
            yield encrypted
