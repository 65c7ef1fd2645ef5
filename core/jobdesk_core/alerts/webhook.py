"""Telling an alert by a webhook, and what went wrong in a sentence that does not hold the address."""

from __future__ import annotations

import base64
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage, InvalidURL
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

from jobdesk_core.alerts.sending import PAUSE_S
from jobdesk_core.alerts.ways import Webhook, address_problem


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is sent goes to the address that was given, and nowhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def post(hook: Webhook, text: bytes, pause: Callable[[float], object]) -> str:
    """Send it, a second time after a pause where that may help; what went wrong, or nothing. Never raises."""
    address = hook.address()
    if not address:
        return f"{hook.name}: the variable {hook.url_env} is not set."
    if problem := address_problem(address):
        return f"{hook.name}: {problem}"
    trouble, is_passing = _attempt(hook, address, text)
    if trouble and is_passing:
        pause(PAUSE_S)
        trouble, _ = _attempt(hook, address, text)
    return trouble


def _signed_in(address: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The address without a name and password, and these in the headers, where they belong."""
    parts = urlsplit(address)
    signed, at, server = parts.netloc.rpartition("@")
    if not at:
        return address, headers
    name, _, password = signed.partition(":")
    token = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return urlunsplit(parts._replace(netloc=server)), {**headers, "Authorization": f"Basic {token}"}


def _attempt(hook: Webhook, address: str, text: bytes) -> tuple[str, bool]:
    """What went wrong, and whether it may go well in a moment."""
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "jobdesk"}
    try:
        address, headers = _signed_in(address, headers)
        request = urllib.request.Request(address, text, headers, method="POST")
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(request, timeout=hook.timeout_s) as answer:
            answer.read(1)
        return "", False
    except urllib.error.HTTPError as error:
        error.close()
        if 300 <= error.code < 400:
            return f"{hook.name}: {hook.place} answered {error.code} and leads elsewhere, which is not followed.", False
        return f"{hook.name}: {hook.place} answered {error.code}.", error.code >= 500 or error.code == 429
    except TimeoutError:
        return f"{hook.name}: {hook.place} has not answered within {hook.timeout_s:g} s.", True
    except (InvalidURL, ValueError):
        return f"{hook.name}: The address of the webhook cannot be read.", False
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return f"{hook.name}: the certificate of {hook.place} is not trusted: {reason.verify_message}.", False
        if isinstance(reason, TimeoutError):
            return f"{hook.name}: {hook.place} has not answered within {hook.timeout_s:g} s.", True
        why = getattr(reason, "strerror", None) or type(reason).__name__
        return f"{hook.name}: {hook.place} cannot be reached ({why}).", True
