"""What a certificate says of itself: whom it is for, and until when. Read from its bytes, whether or not it is valid.

Python's ssl module tells that only of a certificate that it has accepted.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

_SEQUENCE, _SET, _OID, _UTC_TIME = 0x30, 0x31, 0x06, 0x17
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_COMMON_NAME, _ALTERNATIVE_NAMES = bytes.fromhex("550403"), bytes.fromhex("551d11")
_DNS_NAME, _ADDRESS = 0x82, 0x87


@dataclass(frozen=True, slots=True)
class Certificate:
    """The names that a certificate is for (its common name where it has no others), and its last moment (UTC)."""

    names: tuple[str, ...]
    ends_at: dt.datetime


def certificate(der: bytes) -> Certificate:
    """Read a certificate. Raises ValueError for what is none."""
    try:
        return _certificate(der)
    except (IndexError, StopIteration) as error:
        raise ValueError("This is no certificate.") from error


def _certificate(der: bytes) -> Certificate:
    _, whole = next(_parts(der))
    _, signed = next(_parts(whole))
    parts = [part for part in _parts(signed) if part[0] != _VERSION]
    # Its number, its signature's kind, who has signed it, from when to when, and for whom.
    _, _, _, (_, validity), (_, subject), *rest = parts
    _, (kind, end) = _parts(validity)
    names = tuple(name for tag, held in rest if tag == _EXTENSIONS for name in _alternative_names(held))
    return Certificate(names or tuple(_common_names(subject)), _moment(kind, end.decode("ascii")))


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and the content of each value that stands one after the other."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("This certificate is cut short.")
        yield tag, data[at : at + length]
        at += length


def _common_names(subject: bytes) -> Iterator[str]:
    for _, entry in _parts(subject):
        for _, pair in _parts(entry):
            (_, oid), (_, value) = _parts(pair)
            if oid == _COMMON_NAME:
                yield value.decode("utf-8", "replace")


def _alternative_names(extensions: bytes) -> Iterator[str]:
    _, listed = next(_parts(extensions))
    for _, extension in _parts(listed):
        (_, oid), *_, (_, value) = _parts(extension)
        if oid != _ALTERNATIVE_NAMES:
            continue
        for tag, name in _parts(next(_parts(value))[1]):
            if tag == _DNS_NAME:
                yield name.decode("ascii", "replace")
            elif tag == _ADDRESS:
                yield str(ipaddress.ip_address(name))


def _moment(kind: int, text: str) -> dt.datetime:
    if kind == _UTC_TIME:
        # Two digits of the year: up to 49 they are of this century.
        text = ("20" if int(text[:2]) < 50 else "19") + text
    return dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC)
