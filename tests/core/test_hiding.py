"""A connection that hides all arguments: on the command line their values are nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from database import run_sql
from jobdesk_core.cli import main
from jobdesk_core.profiles import Profile, ProfileStore
from jobdesk_core.profiles.pool import Pool
from jobdesk_core.profiles.secret_keys import EVERYTHING, HIDDEN, masked

ARGS = '{"n": "planted-1", "deep": {"list": ["planted-2", {"x": "planted-3"}]}}'


@pytest.mark.parametrize(
    ("hides", "words"),
    [
        (True, ["show", "1"]),
        (True, ["show", "1", "--json"]),
        (True, ["jobs", "--csv", "--column", "args.n", "--column", "args.deep.list"]),
        (True, ["jobs", "--ndjson"]),
        (True, ["jobs", "--json"]),
        (True, ["jobs", "--reports"]),
        (True, ["why", "1", "--json"]),
        (False, ["show", "1"]),
        (False, ["jobs", "--csv", "--column", "args.n"]),
    ],
)
def test_no_value_is_told(
    dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    hides: bool,
    words: list[str],
) -> None:
    run_sql(dsn, f"INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('q', 't', '{ARGS}')")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    ProfileStore(tmp_path / "jobdesk" / "profiles.toml").save(
        Profile(name="shop", method="dsn", dsn=dsn, hides_arguments=hides)
    )
    code = main([*words, "--profile", "shop"])
    told = capsys.readouterr()
    if words[0] == "jobs" and "--reports" in words:
        assert "planted" not in told.out + told.err
        return
    assert code == 0, told.err
    assert ("planted" in told.out + told.err) is not hides
    assert not hides or words[0] == "why" or HIDDEN in told.out


def test_a_profile_keeps_its_pool_its_role_and_what_it_hides(tmp_path: Path) -> None:
    store = ProfileStore(tmp_path / "profiles.toml")
    profile = Profile(
        name="shop", method="dsn", dsn="host=h", role="reader", hides_arguments=True, pool=Pool(9, 20, 120, 30)
    )
    store.save(profile)
    assert store.get("shop") == profile
    assert "[profiles.shop.pool]\nsize = 9\n" in store.path.read_text()
    text = store.path.read_text().replace("size = 9", "size = 100000").replace("idle_s = 30", 'idle_s = "x"')
    store.path.write_text(text)
    again = store.get("shop")
    assert again is not None and again.pool == Pool(4, 20, 120, 600)


def test_what_is_sealed_is_shown_to_nobody() -> None:
    assert masked({"a": [1], "b": 2}, EVERYTHING, [("a",), ("b",)]) == {"a": HIDDEN, "b": HIDDEN}
    assert masked(["planted"], EVERYTHING) == HIDDEN
