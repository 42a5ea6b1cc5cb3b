"""Everything that must survive a restart, in one SQLite file."""

from digest.store.database import open_store, restore
from digest.store.store import SqlStore

__all__ = ["SqlStore", "open_store", "restore"]
