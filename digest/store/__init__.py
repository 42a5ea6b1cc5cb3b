"""Everything that must survive a restart, in one SQLite file or a PostgreSQL database."""

from digest.store.database import open_store
from digest.store.sqlite import restore
from digest.store.store import SqlStore
from digest.store.transfer import transfer

__all__ = ["SqlStore", "open_store", "restore", "transfer"]
