"""One database that `watch --rules` follows: how it is asked, how long it is left in peace, and why it keeps silent."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobdesk_core.alerts.alerting import Looked
from jobdesk_core.alerts.behind import LIMIT_S, wants_jobs, with_jobs, without_jobs
from jobdesk_core.alerts.lines import Silence, Unreachable, silence_of
from jobdesk_core.alerts.rule import AlertRule
from jobdesk_core.alerts.telling import Telling
from jobdesk_core.cli import exit_codes
from jobdesk_core.cli.connection import connected, kept
from jobdesk_core.cli.exit_codes import Ended
from jobdesk_core.connectors.statement import Statement
from jobdesk_core.connectors.sync_psycopg import SyncPsycopgConnector
from jobdesk_core.database.capabilities import Capabilities
from jobdesk_core.database.limited import ask_limited, limited_now
from jobdesk_core.exceptions import JobdeskException
from jobdesk_core.profiles import Profile
from jobdesk_core.profiles.places import Secret
from jobdesk_core.troubles import explain
from jobdesk_core.watching.beside import Beside
from jobdesk_core.watching.pulse import Pulse
from jobdesk_core.watching.situation import Situation

#: Seconds between two readings of what a pulse does not tell, and of each for past runs of periodic tasks.
BESIDE_S, RUNS_S = 20.0, 2.0
#: Seconds that a database has for its first answer with `--once`.
ONCE_S = 30.0
#: Seconds between two attempts at most, once a server has refused a password again and again.
REFUSED_S = 300.0
_ANSWERS: Statement[None] = Statement("SELECT 1", lambda rows: None)


@dataclass(slots=True)
class Followed:
    """One database: where it is, by which rules it is watched, and what was seen of it last."""

    name: str
    rules: tuple[AlertRule, ...]
    profile: Profile | None = None
    password: str | None = field(default=None, repr=False)
    trouble: str = ""
    pulse: Pulse = field(default_factory=Pulse)
    beside: Beside = field(default_factory=lambda: Beside(BESIDE_S, runs_s=RUNS_S))
    connector: SyncPsycopgConnector | None = None
    gone_since: dt.datetime | None = None
    secret: Secret | None = field(default=None, repr=False)
    looked: Looked | None = None
    #: How it keeps silent, "unreachable" until it has been asked; None while it answers.
    silence: Silence | None = "unreachable"
    passwords_refused: int = 0
    capabilities: Capabilities | None = None

    def see(self) -> Situation | Unreachable:
        """Ask it; a lost connection is made anew."""
        try:
            if self.profile is None:
                raise Ended(exit_codes.USAGE, self.trouble)
            if self.connector is None:
                self.secret = self.secret or kept(self.profile, self.password)
                self.connector = connected(self.profile, self.secret)
            look = self.pulse.ask_now(self.connector)
            if self.beside.is_due:
                ask_limited(self.beside.steps(look), self.connector, LIMIT_S)
            self.capabilities, situation = look.capabilities, self.beside.added(look.situation)
        except (JobdeskException, Ended) as error:
            self.close()
            self.gone_since = self.gone_since or dt.datetime.now(dt.UTC)
            trouble = None if isinstance(error, Ended) else explain(error)
            self.trouble = " ".join(error.sentences) if isinstance(error, Ended) else explain(error).sentence
            self.silence = "refused" if trouble is None else silence_of(trouble)
            # It may be another one by now; and a server that is asked again and again may lock the account.
            is_password = trouble is not None and trouble.kind == "password"
            self.secret = None if is_password else self.secret
            self.passwords_refused = self.passwords_refused + 1 if is_password else 0
            return Unreachable(self.gone_since, self.trouble, self.silence)
        self.gone_since, self.trouble, self.silence, self.passwords_refused = None, "", None, 0
        return situation

    @property
    def refuses(self) -> bool:
        """Whether it is not that it does not answer, but that it cannot be asked, or refuses."""
        return self.silence == "refused"

    @property
    def why(self) -> str:
        """Why nothing is known of it, in a sentence."""
        return self.trouble or f"No answer within {ONCE_S:.0f} s."

    def wait_s(self, interval_s: float) -> float:
        """Seconds until the next look."""
        if self.passwords_refused:
            return min(REFUSED_S, interval_s * 2.0 ** min(self.passwords_refused, 16))
        return interval_s if self.gone_since is not None else self.pulse.wait_s(interval_s)

    def rest(self, interval_s: float, stopping: threading.Event) -> None:
        """Wait until the next look. Where a look is dear, and so seldom, it is asked meanwhile whether it answers."""
        ends_at = time.monotonic() + self.wait_s(interval_s)
        while (left_s := ends_at - time.monotonic()) > 0 and not stopping.wait(min(left_s, interval_s)):
            if left_s > interval_s and self.connector is not None:
                try:
                    limited_now(self.connector, _ANSWERS, LIMIT_S)
                except JobdeskException:
                    return

    def with_jobs(self, told: Sequence[Telling]) -> Sequence[Telling]:
        """What is told, with the jobs of the rules that send them, or why they are missing."""
        if not any(map(wants_jobs, told)):
            return told
        if self.connector is None or self.capabilities is None or self.profile is None:
            return without_jobs(told, f"The jobs could not be read: {self.trouble}")
        return ask_limited(with_jobs(told, self.capabilities, self.profile.hidden_keys), self.connector, LIMIT_S)

    def close(self) -> None:
        """Let go of the connection."""
        connector, self.connector = self.connector, None
        if connector is not None:
            try:
                connector.close()
            except JobdeskException as error:
                self.trouble = explain(error).sentence
