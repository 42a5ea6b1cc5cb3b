"""Everything that must survive a restart, in one SQLite file or a PostgreSQL database."""

from digest.store.sqlite import restore
from digest.store.store import Store, open_store
from digest.store.transfer import transfer

__all__ = ["Store", "open_store", "restore", "transfer"]
