"""A profile as a table of TOML, as the file of saved profiles and the files for others hold it."""

from __future__ import annotations

from typing import Any

from jobdesk_core.profiles.pool import pool_of, table_of_pool
from jobdesk_core.profiles.profile import Profile


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """The document, if its profiles have the form of profiles. Raises ValueError."""
    saved = document.get("profiles", {})
    tables = [saved, *saved.values()] if isinstance(saved, dict) else [saved]
    tables += [table.get(name, {}) for table in tables if isinstance(table, dict) for name in ("arguments", "links")]
    if not all(isinstance(table, dict) for table in tables):
        raise ValueError("each profile, its arguments and its links must be tables")
    return document


def profile_of(name: str, table: dict[str, Any]) -> Profile:
    """The profile that a table holds. What has another type than it should counts as not there."""
    method = table.get("method")
    return Profile(
        name=name,
        method=method if method in ("dsn", "arguments") else "environment",
        dsn=str(table.get("dsn", "")),
        arguments={key: str(value) for key, value in table.get("arguments", {}).items()},
        environment=str(table.get("environment", "")),
        colour=str(table.get("colour", "")),
        is_read_only=bool(table.get("is_read_only", False)),
        links={key: str(value) for key, value in table.get("links", {}).items()},
        secret_keys=str(table.get("secret_keys", "")),
        editor=str(table.get("editor", "")),
        schema=str(table.get("schema", "")),
        app_python=str(table.get("app_python", "")),
        app_path=str(table.get("app_path", "")),
        app_folder=str(table.get("app_folder", "")),
        app_variables=str(table.get("app_variables", "")),
        app_is_allowed=table.get("app_is_allowed") is True,
        password_command=_words(table.get("password_command")),
        password_lifetime_s=_seconds(table.get("password_lifetime_s")),
        ssh=str(table.get("ssh", "")),
        role=str(table.get("role", "")),
        pool=pool_of(table.get("pool")),
        hides_arguments=table.get("hides_arguments") is True,
        records_history=table.get("records_history") is not False,
        folder=str(table.get("folder", "")),
        tags=_tags(table.get("tags", ())),
        is_on_fleet=table.get("is_on_fleet") is not False,
        saved_as=name,
    )


def table_of(profile: Profile) -> dict[str, Any]:
    """The table that holds a profile."""
    return {
        "method": profile.method,
        "dsn": profile.dsn,
        "arguments": dict(profile.arguments),
        "environment": profile.environment,
        "colour": profile.colour,
        "is_read_only": profile.is_read_only,
        "links": dict(profile.links),
        "secret_keys": profile.secret_keys,
        "editor": profile.editor,
        "schema": profile.schema,
        "app_python": profile.app_python,
        "app_path": profile.app_path,
        "app_folder": profile.app_folder,
        "app_variables": profile.app_variables,
        "app_is_allowed": profile.app_is_allowed,
        "password_command": list(profile.password_command),
        "password_lifetime_s": profile.password_lifetime_s,
        "ssh": profile.ssh,
        "role": profile.role,
        "pool": table_of_pool(profile.pool),
        "hides_arguments": profile.hides_arguments,
        "records_history": profile.records_history,
        "folder": profile.folder,
        "tags": list(profile.tags),
        "is_on_fleet": profile.is_on_fleet,
    }


def _tags(value: Any) -> tuple[str, ...]:
    """Tags as a list of texts, without blanks around them and each once."""
    return (
        tuple(dict.fromkeys(str(tag).strip() for tag in value if str(tag).strip())) if isinstance(value, list) else ()
    )


def _words(value: Any) -> tuple[str, ...]:
    """The arguments of a command; none where one is not text: half a command is another one."""
    is_command = isinstance(value, list) and all(isinstance(word, str) for word in value)
    return tuple(value) if is_command else ()


def _seconds(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
