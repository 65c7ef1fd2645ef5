"""What was done from this desk: kept on disk, searched, exported, and undone where that is possible."""

from jobdesk_core.journal.journal import Journal, JournalTrouble
from jobdesk_core.journal.record import Entry, Header, Record, Search

__all__ = ["Entry", "Header", "Journal", "JournalTrouble", "Record", "Search"]
