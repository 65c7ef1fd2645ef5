"""With a real server that encrypts: what each certificate leads to, and what the test of a connection says of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.probe import Step, probe
from jobdesk_core.profiles.secrets import typed
from tls_server import TlsServer, needs_tls, tls_server

pytestmark = needs_tls


@pytest.fixture(scope="module")
def server() -> Iterator[TlsServer]:
    with tempfile.TemporaryDirectory(prefix="jobdesk-tls-") as made:
        Path(made).chmod(0o755)
        with tls_server(Path(made)) as running:
            yield running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


async def steps_of(server: TlsServer, password: str | None = "mine", **parameters: str) -> list[Step]:
    given = {name: value.format(folder=server.folder) for name, value in parameters.items()}
    profile = Profile(name="p", method="dsn", dsn=server.dsn(**given))
    return [step async for step in probe(profile, typed(profile, password))]


async def test_each_certificate_is_told(server: TlsServer) -> None:
    full = {"sslmode": "verify-full", "sslrootcert": "{folder}/ca.crt"}
    for certificate, parameters, result, sentence in (
        ("good", full, "good", "TLS 1.3, verify-full: name and authority checked."),
        ("good", full | {"sslmode": "verify-ca"}, "good", "TLS 1.3, verify-ca: authority checked, not the name."),
        ("good", {"sslmode": "require"}, "good", "TLS 1.3, require: the certificate is not checked."),
        ("good", {"ssl_max_protocol_version": "TLSv1.2"}, "good", "TLS 1.2, prefer: the certificate is not checked."),
        ("good", {"sslmode": "verify-full", "sslrootcert": "system"}, "bad", "The authority of the server's"),
        ("own", full, "bad", "The server's certificate is self-signed, and not trusted here."),
        ("other", full, "bad", 'The server\'s certificate is for "elsewhere.example", not for localhost.'),
        ("expired", full, "bad", "The server's certificate has expired."),
        ("expired", {"sslmode": "require"}, "warning", "TLS 1.3, require: the certificate is not checked."),
        ("soon", full, "warning", "TLS 1.3, verify-full: name and authority checked."),
    ):
        server.show(certificate)
        steps = {step.name: step for step in await steps_of(server, **parameters)}
        told = steps["TLS"]
        assert (told.result, told.sentence[: len(sentence)]) == (result, sentence), (certificate, parameters, told)
        assert ("Sign-in" in steps) == (result != "bad")
        names = "elsewhere.example" if certificate == "other" else "localhost"
        assert result == "bad" or told.lines[0].startswith(f"Certificate for {names}"), told
        assert certificate != "soon" or told.lines[0].endswith("It ends in 2 days: it is time to renew it.")
        assert certificate != "expired" or result == "bad" or "It has expired." in told.lines[0]
    server.show("good")


async def test_who_signs_in_and_how(server: TlsServer) -> None:
    for password, parameters, result, sentence in (
        ("mine", {"channel_binding": "require"}, "good", "As me, with a password."),
        ("wrong", {}, "bad", "The password for role me is wrong."),
        (
            None,
            {"user": "certified", "sslcert": "{folder}/me.crt", "sslkey": "{folder}/key"},
            "good",
            "As certified, without a password.",
        ),
        (None, {"user": "plain", "sslmode": "disable"}, "good", "As plain, without a password."),
    ):
        key = server.folder / "key"
        key.write_bytes((server.folder / "me.key").read_bytes())
        key.chmod(0o600)
        steps = {step.name: step for step in await steps_of(server, password, **parameters)}
        told = steps["Sign-in"]
        assert (told.result, told.sentence) == (result, sentence), told
        assert result == "bad" or steps["TLS"].sentence.startswith("TLS 1.3" if "sslmode" not in parameters else "Not")
        assert "wrong'" not in repr(steps)
