"""Why `ssh` did not let us through, by its own words, which it has in English only."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jobdesk_core.exceptions import TunnelFailed, TunnelReason

_TERMINAL = "Try it in a terminal: what works there works here."
#: A sentence for each reason, with the host of SSH in it, and the remedy.
TUNNELS: dict[TunnelReason, tuple[str, str]] = {
    "missing": ("There is no program {what} on this machine.", "Install OpenSSH's client, or connect without SSH."),
    "bad host": (
        "The host of SSH cannot be read.",
        "It looks like user@bastion:22, or is a Host of your ssh_config.",
    ),
    "host unknown": ("The SSH host {what} is not known.", "Check its name, and the HostName in your ssh_config."),
    "refused": ("Nothing listens for SSH at {what}.", "Check the host and its port, or ask whether it runs."),
    "unreachable": ("The SSH host {what} does not answer.", "Check the network, a VPN, and the host's port."),
    "no ssh": ("The SSH host {what} ended the connection before anyone signed in.", _TERMINAL),
    "key changed": (
        "The key of the SSH host {what} is not the one that it had.",
        "Someone may be in between, or the host was set up again. Ask its administrator before you remove the old key "
        "from known_hosts.",
    ),
    "key unknown": (
        "The key of the SSH host {what} is not known on this machine, and was not accepted.",
        "Connect in the window or on a terminal, compare the fingerprint with the administrator's, and accept it.",
    ),
    "authentication": (
        "The SSH host {what} did not accept any key or password of yours.",
        "Is the agent running, and the key added to it? " + _TERMINAL,
    ),
    "declined": ("What the SSH host {what} asked was not answered.", "Connect again to be asked again."),
    "forwarding refused": (
        "The SSH host {what} does not allow forwarding to this server.",
        "Its administrator can allow it: AllowTcpForwarding and PermitOpen.",
    ),
    "database unknown": (
        "The SSH host {what} does not know the database server's name.",
        "The host is looked up there, not here: check its name as that machine has it.",
    ),
    "database unreachable": (
        "The SSH host {what} does not reach the database server.",
        "Check the server's host and port as that machine sees them, and what stands between.",
    ),
    "config": ("ssh does not accept its configuration.", _TERMINAL),
    "no port": ("No port of this machine was free for the tunnel through {what}.", "Try again."),
    "given up": ("The tunnel through {what} was not waited for any longer.", "Connect again."),
    "ended": ("ssh to {what} ended before the tunnel stood.", _TERMINAL),
}
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
