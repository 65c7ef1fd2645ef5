"""Why `ssh` did not let us through, by its own words, which it has in English only."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jobdesk_core.exceptions import TunnelFailed, TunnelReason

#: In the order of how much they say: what follows from another is below it.
_WORDS: tuple[tuple[str, TunnelReason], ...] = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|^Host key for (?P<what>\S+) has changed", "key changed"),
    (r"Host key verification failed", "key unknown"),
    (r"Could not resolve hostname (?P<what>[^\s:]+)", "host unknown"),
    (
        r"Bad configuration option|terminating, \d+ bad configuration|Bad owner or permissions|keyword .* extra",
        "config",
    ),
    (r"connect to host (?P<what>\S+) port \d+: Connection refused", "refused"),
    (r"connect to host (?P<what>\S+) port \d+: ", "unreachable"),
    (r"(?:(?P<what>\S+): )?Permission denied \(|Too many authentication failures", "authentication"),
    (r"stdio forwarding failed|open failed: administratively prohibited", "forwarding refused"),
    (r"Timeout, server (?P<what>\S+) not responding", "unreachable"),
    (r"Connection (?:timed out|reset|closed)|banner|kex_exchange_identification|Bad packet|no matching", "no ssh"),
)
_CHANNEL = re.compile(r"channel \d+: open failed: (?P<kind>[a-z ]+): (?P<why>.*)")
_OFFENDING = re.compile(r"Offending (?P<what>.* key in .*:\d+)")


def refusal(lines: Iterable[str], host: str) -> TunnelFailed:
    """Why it has ended that said these lines; `host` is who was to forward."""
    said = [line.strip() for line in lines if not line.startswith("debug")]
    for words, reason in _WORDS:
        for line in said:
            found = re.search(words, line)
            if found is not None:
                return TunnelFailed(reason, found.groupdict().get("what") or host, _detail(said))
    return TunnelFailed("ended", host, _detail(said))


def channel_refusal(line: str, host: str) -> TunnelFailed | None:
    """What a line says of one connection through the tunnel that the last hop could not, or would not, make."""
    found = _CHANNEL.search(line)
    if found is None:
        return None
    if found["kind"].strip() == "administratively prohibited":
        return TunnelFailed("forwarding refused", host, line)
    is_name = "Name or service" in found["why"] or "nodename" in found["why"] or "name resolution" in found["why"]
    return TunnelFailed("database unknown" if is_name else "database unreachable", host, found["why"].strip())


def _detail(said: list[str]) -> str:
    """The last words of those that tell something; of a changed key where the old one stands."""
    offending = [found["what"] for line in said if (found := _OFFENDING.search(line)) is not None]
    return (offending or [line for line in said if line and not set(line) <= set("@ ")] or [""])[-1]
