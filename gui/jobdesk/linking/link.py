"""A link as text and as a value. It names a saved connection, and holds nothing secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

#: Characters of a link; longer ones are not read.
MOST = 8_000
_SCHEME = "jobdesk://"
_NUMBER = re.compile(r"[1-9]\d{0,17}")


class LinkNotUnderstood(Exception):
    """A text that is no link into the window. Its text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where in the window of which saved connection; a `job` and a `filter_text` belong to the page of jobs."""

    profile: str
    page: str
    job: int | None = None
    filter_text: str = ""

    def __str__(self) -> str:
        job = f"/{self.job}" if self.job is not None else ""
        query = f"?filter={quote(self.filter_text, safe='')}" if self.filter_text else ""
        return f"{_SCHEME}{quote(self.profile, safe='')}/{self.page}{job}{query}"


def is_link(text: str) -> bool:
    """Whether a text is meant as a link."""
    return text.lower().startswith(_SCHEME)


def profile_name(text: str) -> str:
    """The name of the connection that a link leads to; empty when it names none."""
    try:
        return unquote(urlsplit(text).netloc) if is_link(text) else ""
    except ValueError:
        return ""


def read_link(text: str, pages: tuple[str, ...]) -> Link:
    """The link of this text. Raises LinkNotUnderstood for one that names no page of `pages`."""
    if not is_link(text) or len(text) > MOST or not text.isprintable():
        raise LinkNotUnderstood("This is no link into Jobdesk.")
    try:
        parts = urlsplit(text)
        filters = parse_qs(parts.query, strict_parsing=bool(parts.query), max_num_fields=5).get("filter", [""])
    except ValueError as error:
        raise LinkNotUnderstood("This link into Jobdesk is broken.") from error
    profile, (page, *rest) = unquote(parts.netloc), parts.path.strip("/").split("/")
    if not profile:
        raise LinkNotUnderstood("This link names no connection.")
    page = page or "jobs"
    if page not in pages:
        raise LinkNotUnderstood("This link leads to a page that Jobdesk does not have.")
    if not rest:
        return Link(profile, page, filter_text=filters[0] if page == "jobs" else "")
    if page != "jobs" or len(rest) > 1 or not _NUMBER.fullmatch(rest[0]):
        raise LinkNotUnderstood("This link names no job.")
    return Link(profile, page, int(rest[0]))
