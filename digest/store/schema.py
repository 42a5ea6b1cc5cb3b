"""The tables."""

from __future__ import annotations

import sqlalchemy as sa

from digest.store.columns import Day, Instant, Json
from digest.store.columns import text as _text

#: an autoincrementing key has to be INTEGER on SQLite
_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

metadata = sa.MetaData()

#: facts about this database: the secret behind message ids
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", _text(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

papers = sa.Table(
    "papers",
    metadata,
    sa.Column("id", _text(200), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("abstract", sa.Text, nullable=False),
    sa.Column("authors", Json, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("pdf_url", sa.Text, nullable=False),
    sa.Column("doi", _text(300), nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("categories", Json, nullable=False),
    sa.Column("primary_category", _text(80), nullable=False),
    sa.Column("published", Instant),
    sa.Column("updated", Instant),
    sa.Column("announced", Day),
    sa.Column("announce_type", _text(20), nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("journal_ref", sa.Text, nullable=False),
    sa.Column("source", _text(100), nullable=False),
    sa.Column("signals", Json, nullable=False),
    sa.Column("affiliations", Json, nullable=False, server_default="[]"),
    sa.Column("language", _text(20), nullable=False, server_default=""),
    sa.Column("aliases", Json, nullable=False, server_default="[]"),
    sa.Column("author_ids", Json, nullable=False, server_default="[]"),
    sa.Column("first_seen", Instant, nullable=False, index=True),
)

#: every name and title key of a paper, to find it by
names = sa.Table(
    "names",
    metadata,
    sa.Column("name", _text(400), primary_key=True),
    sa.Column("paper_id", _text(200), primary_key=True, index=True),
)

mentions = sa.Table(
    "mentions",
    metadata,
    sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("paper_id", _text(200), nullable=False),
    sa.Column("source", _text(100), nullable=False),
    sa.Column("listed_on", Day, nullable=False, index=True),
    sa.Column("announce_type", _text(20), nullable=False),
    sa.Column("first_seen", Instant, nullable=False, index=True),
    sa.UniqueConstraint("paper_id", "source", "listed_on", name="uq_mentions"),
    sqlite_autoincrement=True,  # a purged id must not come back: ids are a clock
)

#: days of a source's listing that were fetched whole
listing_days = sa.Table(
    "listing_days",
    metadata,
    sa.Column("source", _text(100), primary_key=True),
    sa.Column("day", Day, primary_key=True),
    sa.Column("fetched_at", Instant, nullable=False),
)

validators = sa.Table(
    "validators",
    metadata,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("last_modified", sa.Text, nullable=False),
    sa.Column("fetched_at", Instant, nullable=False),
)

subscribers = sa.Table(
    "subscribers",
    metadata,
    sa.Column("id", _text(32), primary_key=True),
    sa.Column("email", _text(320), nullable=False, unique=True),
    sa.Column("state", _text(20), nullable=False),
    sa.Column("origin", _text(20), nullable=False),
    sa.Column("preferences", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    #: links of an earlier one are void; see `links.Ticket`
    sa.Column("link_generation", sa.Integer, nullable=False, server_default="0"),
    #: when to see whether an edition is due, as found at `checked_at`; the epoch: at once
    sa.Column("due_at", Instant, nullable=False, server_default="0", index=True),
    sa.Column("checked_at", Instant, nullable=False, server_default="0", index=True),
)
sa.Index("ix_subscribers_lower_email", sa.func.lower(subscribers.c.email))

ratings = sa.Table(
    "ratings",
    metadata,
    sa.Column("subscriber_id", _text(32), primary_key=True),
    sa.Column("paper_id", _text(200), primary_key=True, index=True),
    sa.Column("origin", _text(200), primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
    sa.Column("rated_at", Instant, nullable=False),
    #: what the reader's own file says of the paper, for this reader alone
    sa.Column("record", Json),
)

#: what readers keep for later
reading_list = sa.Table(
    "reading_list",
    metadata,
    sa.Column("subscriber_id", _text(32), primary_key=True),
    sa.Column("paper_id", _text(200), primary_key=True, index=True),
    sa.Column("added_at", Instant, nullable=False),
)

#: what a reader's libraries brought; which likes these are, the ratings of the same origin say
imports = sa.Table(
    "imports",
    metadata,
    sa.Column("subscriber_id", _text(32), primary_key=True),
    sa.Column("origin", _text(200), primary_key=True),
    sa.Column("imported_at", Instant, nullable=False),
    sa.Column("counts", sa.Boolean, nullable=False),
    sa.Column("n_entries", sa.Integer, nullable=False),
    sa.Column("n_duplicates", sa.Integer, nullable=False),
    #: pairs of a reference, empty where an entry cannot be read, and a sentence
    sa.Column("faults", Json, nullable=False),
    sa.Column("remarks", Json, nullable=False),
    #: ids of stored papers by the ids of the reader's own records
    sa.Column("by_title", Json, nullable=False),
    sa.Column("corrections", Json, nullable=False),
)

#: references among likes that nobody knows, so that they are not looked up every day
unresolved = sa.Table(
    "unresolved",
    metadata,
    sa.Column("ref", _text(500), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("checked_at", Instant, nullable=False),
)

_KEY = (
    ("subscriber_id", _text(32)),
    ("edition_date", Day),
    ("kind", _text(20)),
)

editions = sa.Table(
    "editions",
    metadata,
    *(sa.Column(name, type_, primary_key=True) for name, type_ in _KEY),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("basis", _text(20), nullable=False),
    sa.Column("n_new", sa.Integer, nullable=False),
    sa.Column("n_considered", sa.Integer, nullable=False),
    #: mentions up to this one were considered
    sa.Column("cursor", sa.BigInteger, nullable=False),
    sa.Column("composed_at", Instant, nullable=False),
)

edition_picks = sa.Table(
    "edition_picks",
    metadata,
    *(sa.Column(name, type_, primary_key=True) for name, type_ in _KEY),
    sa.Column("paper_id", _text(200), primary_key=True, index=True),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("section", _text(20), nullable=False),
    #: which, in the section of an interest
    sa.Column("interest", sa.Text, nullable=False, server_default=""),
    #: whose choice it was, where two rankers are compared
    sa.Column("team", _text(10), nullable=False, server_default=""),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("percentile", sa.Float, nullable=False),
    sa.Column("reasons", Json, nullable=False),
)

#: few picks stand in an interest's section, and each run asks for them
sa.Index(
    "ix_edition_picks_interest",
    edition_picks.c.subscriber_id,
    sqlite_where=edition_picks.c.interest != "",
    postgresql_where=edition_picks.c.interest != "",
)

#: days on which somebody got nothing, and why
empty_days = sa.Table(
    "empty_days",
    metadata,
    sa.Column("subscriber_id", _text(32), primary_key=True),
    sa.Column("edition_date", Day, primary_key=True),
    sa.Column("reason", _text(40), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("cursor", sa.BigInteger, nullable=False),
    sa.Column("decided_at", Instant, nullable=False),
    sa.Column("again_at", Instant),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    *(sa.Column(name, type_, primary_key=True) for name, type_ in _KEY),
    sa.Column("message_id", _text(200), nullable=False, unique=True),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("recipient", _text(320), nullable=False),
    sa.Column("state", _text(20), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("doubts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("worker", _text(100)),
    sa.Column("lease_until", Instant),
    sa.Column("next_at", Instant),
    sa.Column("planned_at", Instant, nullable=False),
    sa.Column("settled_at", Instant, index=True),
    sa.Column("reply", sa.Text, nullable=False, server_default=""),
    #: the server that it was handed to last
    sa.Column("route", _text(100), nullable=False, server_default=""),
    sa.Index("ix_deliveries_due", "state", "next_at"),
    sa.Index("ix_deliveries_waiting", "state", "planned_at", "message_id"),
)

#: what is sent, apart from what becomes of it: a change of state must not write all of it again
bodies = sa.Table(
    "bodies",
    metadata,
    sa.Column("message_id", _text(200), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

#: refusals that count against an address; an accepted mail wipes the soft ones
strikes = sa.Table(
    "strikes",
    metadata,
    sa.Column("subscriber_id", _text(32), primary_key=True),
    sa.Column("edition_date", Day, primary_key=True),
    #: smtp, bounce or complaint
    sa.Column("origin", _text(20), primary_key=True),
    #: soft or hard
    sa.Column("severity", _text(10), nullable=False),
    sa.Column("reply", sa.Text, nullable=False),
    sa.Column("struck_at", Instant, nullable=False),
)

#: how many mails a server was given on a day, so that limits hold over restarts and machines
route_days = sa.Table(
    "route_days",
    metadata,
    sa.Column("route", _text(100), primary_key=True),
    sa.Column("day", Day, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
)

#: what went to a domain on a day, and what came back
domain_days = sa.Table(
    "domain_days",
    metadata,
    sa.Column("day", Day, primary_key=True),
    sa.Column("domain", _text(255), primary_key=True),
    sa.Column("n_sent", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_bounced", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_complaints", sa.Integer, nullable=False, server_default="0"),
)

#: addresses that get nothing, subscribers or not, because an operator said so
suppressions = sa.Table(
    "suppressions",
    metadata,
    #: in lower case
    sa.Column("email", _text(320), primary_key=True),
    sa.Column("reason", _text(20), nullable=False),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("since", Instant, nullable=False),
)

#: who asked to join on the web side; nothing of it counts before it is confirmed
signups = sa.Table(
    "signups",
    metadata,
    sa.Column("id", _text(32), primary_key=True),
    sa.Column("email", _text(320), nullable=False, index=True),
    #: a keyed hash of the address that the request came from
    sa.Column("client", _text(64), nullable=False),
    sa.Column("wanted", Json, nullable=False),
    #: asked, mailed, failed, confirmed (its likes are still to be read), done
    sa.Column("state", _text(20), nullable=False),
    sa.Column("asked_at", Instant, nullable=False, index=True),
    #: when its mail is tried; a worker that takes it moves this on
    sa.Column("next_at", Instant),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
)

#: when a service may be asked again, by any process that shares this database
paces = sa.Table(
    "paces",
    metadata,
    sa.Column("host", _text(200), primary_key=True),
    sa.Column("free_at", Instant, nullable=False),
)

#: what a local language model makes of a text, half precision
embeddings = sa.Table(
    "embeddings",
    metadata,
    sa.Column("key", _text(64), primary_key=True),
    sa.Column("model", _text(300), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
)

#: by the key of a picture's address
thumbnails = sa.Table(
    "thumbnails",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("jpeg", sa.LargeBinary, nullable=False),
    sa.Column("made_at", Instant, nullable=False, index=True),
)

#: by the key of a paper's text
summaries = sa.Table(
    "summaries",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("language", sa.String(20), primary_key=True),
    sa.Column("model", _text(200), primary_key=True),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("made_at", Instant, nullable=False, index=True),
)

#: what one worker fitted to a day's papers, for all of them
ranking_snapshots = sa.Table(
    "ranking_snapshots",
    metadata,
    sa.Column("id", _text(64), primary_key=True),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("last_entry", sa.BigInteger, nullable=False),
    sa.Column("ranking", sa.LargeBinary, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", _SERIAL, primary_key=True, autoincrement=True),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("report", Json, nullable=False),
)
