"""Bounces, complaints and actions that come by mail, applied to a real installation."""

from __future__ import annotations

import base64
import mailbox
import socket
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from typer.testing import CliRunner

from digest import jobs
from digest.channels.email.mailboxes import headers_of, modified_utf7
from digest.cli.main import app as command_line
from digest.edition.links import Action, Seal, Ticket
from digest.errors import ConfigError, InboxError, TokenError
from digest.model import Strike, SubscriberState
from digest.usecases.inbound import InboxReport, carry_out
from digest.worker import Worker
from tests.dovecot import dovecot
from tests.servers import Answer, rss
from tests.unit.test_edition import links
from tests.unit.test_letters import complaint, report
from tests.worlds import ADA, World, make_world, record

BOB = ADA.replace("ada@", "bob@")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Everybody has today's mail; the inbox is an empty Maildir."""
    with make_world(tmp_path) as made:
        stamp = made.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        made.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(5)], stamp)))
        mailbox.Maildir(tmp_path / "inbox", create=True)
        made.write(subscribers=ADA + BOB, sources='[inbox]\nmaildir = "inbox"\n')
        text = made.config.read_text("utf-8")
        verp = text.replace('security = "none"', 'security = "none"\nbounces_to = "b@example.org"')
        made.config.write_text(verp, "utf-8")
        with made.app() as app:
            jobs.run(app)
        yield made


def arrives(world: World, *mails: bytes) -> None:
    box = mailbox.Maildir(world.folder / "inbox")
    for mail in mails:
        box.add(mail)


def look(world: World, dry_run: bool = False) -> InboxReport:
    with world.app() as app:
        return jobs.read_inbox(app, dry_run=dry_run)


def state(world: World, email: str = "ada@example.org") -> SubscriberState:
    with world.app() as app:
        return jobs.subscriber(app, email).state


def sent_to(world: World, email: str = "ada@example.org") -> EmailMessage:
    (mail,) = world.smtp.to(email)
    return message_from_bytes(mail.body, policy=policy.default)  # type: ignore[return-value]


def about(world: World, raw: bytes, email: str = "ada@example.org") -> bytes:
    """A report about the mail that this reader got."""
    message_id = str(sent_to(world, email)["Message-ID"]).encode()
    return raw.replace(b"<0123456789abcdef@example.org>", message_id)


def pressed(world: World, label: str, email: str = "ada@example.org") -> bytes:
    """The mail that a press on an action of the mail prepares, as a mail program sends it."""
    html = sent_to(world, email).get_body(("html",)).get_content()  # type: ignore[union-attr]
    found = next(u for u in links(html) if f"subject={label}" in unquote(u))
    reply = EmailMessage()
    reply["From"] = email
    reply["To"] = unquote(urlsplit(found).path)
    reply["Subject"] = parse_qs(urlsplit(found).query)["subject"][0]
    reply.set_content("")
    return reply.as_bytes()


def test_a_hard_bounce_suppresses_and_says_why(world: World) -> None:
    arrives(world, about(world, report()))
    found = look(world)
    assert found.told == [
        "ada@example.org: bounce, 5.1.1 550 5.1.1 no such user (hard); suppressed"
    ]
    assert state(world) is SubscriberState.SUPPRESSED
    assert state(world, "bob@example.org") is SubscriberState.ACTIVE
    world.now += timedelta(days=1)
    with world.app() as app:
        told = jobs.run(app)
    assert told is not None
    assert "no such user" in told.subscribers[0].detail


def test_a_report_without_the_mail_is_known_by_its_return_address(world: World) -> None:
    (mail,) = world.smtp.to("ada@example.org")
    assert mail.sender.startswith("b+")
    assert sent_to(world)["From"] == "Morning papers <digest@example.org>"
    arrives(world, report(to=mail.sender, enclosed="text/plain"))
    look(world)
    assert state(world) is SubscriberState.SUPPRESSED


def test_soft_bounces_suppress_only_after_some_editions(world: World) -> None:
    arrives(world, about(world, report(status="5.2.2")), about(world, report(status="5.2.2")))
    assert look(world).n_applied == 2
    assert state(world) is SubscriberState.ACTIVE
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        assert len(app.store.strikes.of(reader.id)) == 1  # one edition is one strike


def test_a_complaint_suppresses_at_once(world: World) -> None:
    arrives(world, about(world, complaint(), "bob@example.org"))
    look(world)
    assert state(world, "bob@example.org") is SubscriberState.SUPPRESSED


def test_nobody_can_be_silenced_by_a_forged_report(world: World) -> None:
    (mail,) = world.smtp.to("ada@example.org")
    other = "1" if mail.sender[-16] == "0" else "0"  # a digit of the signature
    forged = mail.sender[:-16] + other + mail.sender[-15:]
    arrives(world, report(), complaint(), report(to=forged), report(to="ada@example.org"))
    found = look(world)
    assert (found.n_read, found.n_applied, found.n_others) == (4, 0, 4)
    assert state(world) is SubscriberState.ACTIVE


@pytest.mark.parametrize(
    ("label", "value"), [("Like", 1), ("Dislike", -1), ("Fewer like this", -3)]
)
def test_a_press_in_the_mail_becomes_a_rating(world: World, label: str, value: int) -> None:
    arrives(world, pressed(world, label))
    assert look(world).n_applied == 1
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        rated = [r for r in app.store.ratings.of(reader.id) if r.origin == "mail"]
        assert [r.value for r in rated] == [value]
        told = app.store.ratings.reader_state(reader.id, world.now.date())
        assert sum(told.dislike_weights) == (0 if value > 0 else -value)
        if value < 0:
            assert jobs.profile(app, reader)  # ranks with it
    assert look(world).n_read == 0  # it is marked as read


def test_a_changed_mind_counts(world: World) -> None:
    arrives(world, pressed(world, "Like"))
    look(world)
    world.now += timedelta(minutes=1)
    arrives(world, pressed(world, "Dislike"))
    look(world)
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        values = [r.value for r in app.store.ratings.of(reader.id) if r.origin == "mail"]
    assert values == [-1]


def test_whoever_unsubscribes_by_mail_gets_no_more_and_the_file_does_not_bring_them_back(
    world: World,
) -> None:
    arrives(world, pressed(world, "Unsubscribe"))
    assert look(world).told == ["ada@example.org: unsubscribed"]
    world.now += timedelta(days=1)
    with world.app() as app:
        jobs.run(app)
    assert len(world.smtp.to("ada@example.org")) == 1
    assert state(world) is SubscriberState.UNSUBSCRIBED


def test_a_letter_to_a_person_is_left_unread_and_a_forged_press_refused(world: World) -> None:
    letter = b"Subject: thank you\r\n\r\nnice papers\r\n"
    token = Seal((b"somebody else's",)).sign(Ticket(Action.LIKE, "s", "p"), world.now.date())
    forged = f"Subject: Like: this [{token}]\r\n\r\n".encode()
    vacation = pressed(world, "Like").replace(b"To:", b"Auto-Submitted: auto-replied\r\nTo:")
    arrives(world, letter, forged, vacation)
    found = look(world)
    assert (found.n_read, found.n_applied, found.n_refused, found.n_others) == (3, 0, 1, 2)
    assert look(world).n_read == 3
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        assert not [r for r in app.store.ratings.of(reader.id) if r.origin == "mail"]


def test_a_dry_run_tells_and_changes_nothing(world: World) -> None:
    arrives(world, about(world, report()), pressed(world, "Unsubscribe", "bob@example.org"))
    assert look(world, dry_run=True).n_applied == 2
    assert state(world) is SubscriberState.ACTIVE
    assert state(world, "bob@example.org") is SubscriberState.ACTIVE
    assert look(world).n_applied == 2


def test_links_of_a_rotated_key_work_until_it_is_revoked(world: World) -> None:
    with world.app() as app:
        app.store.rotate_keys(revoke=False)
    arrives(world, pressed(world, "Like"))
    assert look(world).n_applied == 1
    with world.app() as app:
        app.store.rotate_keys(revoke=True)
    arrives(world, pressed(world, "Dislike"))
    assert look(world).n_refused == 1


def test_what_a_ticket_names_must_still_be_here(world: World) -> None:
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        for ticket in (
            Ticket(Action.LIKE, "nobody", "arxiv:2605.00001"),
            Ticket(Action.LIKE, reader.id, "arxiv:9999.00001"),
            Ticket(Action.EDITION, reader.id, "2026-05-20"),
        ):
            with pytest.raises(TokenError):
                carry_out(ticket, app.store, world.now, origin="mail")


def test_the_worker_looks_into_the_inbox_now_and_then(world: World) -> None:
    with world.app() as app:
        planned = {job.func.__name__: job for job in Worker(app).scheduler().get_jobs()}
        assert set(planned) == {"read_inbox", "tick"}
        assert planned["read_inbox"].trigger.interval == timedelta(minutes=10)
        assert all(job.next_run_time == world.now for job in planned.values())
        arrives(world, pressed(world, "Unsubscribe"))
        planned["read_inbox"].func()
        assert jobs.subscriber(app, "ada@example.org").state is SubscriberState.UNSUBSCRIBED


def test_a_mailbox_that_is_not_there_is_told_and_does_not_stop_the_worker(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    (world.folder / "inbox" / "new").rename(world.folder / "inbox" / "old")
    with pytest.raises(InboxError, match="is no Maildir"):
        look(world)
    with world.app() as app:
        Worker(app).read_inbox()
    assert "inbox.failed" in caplog.text
    world.write()
    with world.app() as app, pytest.raises(ConfigError, match="no \\[inbox\\]"):
        jobs.read_inbox(app)


# --- evidence ---------------------------------------------------------------------------------


def test_apples_unsubscribe_counts_though_it_is_marked_as_automatic(world: World) -> None:
    raw = pressed(world, "Unsubscribe")
    marks = b"Auto-Submitted: auto-replied\nPrecedence: bulk\nX-Apple-Unsubscribe: true\n"
    arrives(world, marks + raw)
    assert look(world).told == ["ada@example.org: unsubscribed"]


def test_a_like_that_a_machine_sends_does_not(world: World) -> None:
    arrives(world, b"Auto-Submitted: auto-replied\n" + pressed(world, "Like"))
    assert look(world).n_applied == 0


def test_a_token_that_was_folded_in_its_middle_is_one(world: World) -> None:
    mail = message_from_bytes(pressed(world, "Unsubscribe"), policy=policy.default)
    subject = str(mail["Subject"])
    at = len(subject) - 60
    raw = f"From: ada@example.org\r\nSubject: {subject[:at]}\r\n {subject[at:]}\r\n\r\n"
    arrives(world, raw.encode())
    assert look(world).told == ["ada@example.org: unsubscribed"]


def test_soft_bounces_add_up_although_the_relay_takes_every_mail(world: World) -> None:
    for day in range(3):
        full = report(status="5.2.2", diagnostic="smtp; 552 5.2.2 mailbox full")
        latest = world.smtp.to("ada@example.org")[-1]
        name = message_from_bytes(latest.body)["Message-ID"].encode()
        arrives(world, full.replace(b"<0123456789abcdef@example.org>", name))
        look(world)
        assert state(world) is (SubscriberState.SUPPRESSED if day == 2 else SubscriberState.ACTIVE)
        world.now += timedelta(days=1)
        stamp = world.now.strftime("%a, %d %b %Y 00:00:00 -0400")
        listed = rss([record(10 * day + n) for n in range(20, 25)], stamp)
        world.web.says("/rss/cs.CL+cs.LG", Answer(listed))
        with world.app() as app:
            jobs.run(app)


def test_bounces_of_long_ago_do_not_add_up(world: World) -> None:
    with world.app() as app:
        reader = jobs.subscriber(app, "ada@example.org")
        (delivery,) = app.store.history.deliveries(subscriber_id=reader.id)
        for months in range(6):
            key = replace(delivery.key, edition_date=date(2026, 1 + months, 1))
            when = datetime(2026, 1 + months, 1, tzinfo=UTC)
            app.store.strikes.add(key, "bounce", Strike.SOFT, "full", when, 3)
    assert state(world) is SubscriberState.ACTIVE


@pytest.mark.parametrize("kind", ["auth-failure", "dkim", "virus", "fraud", "not-spam", "other"])
def test_feedback_about_us_is_nobodys_complaint(world: World, kind: str) -> None:
    arrives(world, about(world, complaint(kind)))
    assert "nothing is held against the address" in look(world).told[0]
    assert state(world) is SubscriberState.ACTIVE


@pytest.mark.parametrize("kind", ["abuse", "opt-out"])
def test_a_complaint_is_the_readers_will(world: World, kind: str) -> None:
    arrives(world, about(world, complaint(kind)))
    look(world)
    assert state(world) is SubscriberState.SUPPRESSED


def test_a_report_about_where_the_mail_went_on_to_suppresses_nobody(world: World) -> None:
    for _ in range(4):
        raw = report().replace(b"rfc822; ada@example.org", b"rfc822; ada@elsewhere.example")
        arrives(world, about(world, raw))
        assert "where their mail goes on to" in look(world).told[0]
        world.now += timedelta(days=1)
    assert state(world) is SubscriberState.ACTIVE


def test_words_that_nobody_knows_count_softly_at_the_signed_address(world: World) -> None:
    (mail,) = world.smtp.to("ada@example.org")
    raw = (
        f"Return-Path: <>\r\nFrom: robot@mx.example.net\r\nTo: {mail.sender}\r\n"
        "Subject: Retour\r\n\r\nQuod erat.\r\n"
    )
    arrives(world, raw.encode())
    assert look(world).told == [
        "ada@example.org: bounce, a report in words of its own (Retour) (soft)"
    ]


def test_vacations_and_delays_at_the_signed_address_count_for_nothing(world: World) -> None:
    (mail,) = world.smtp.to("ada@example.org")
    head = f"Return-Path: <>\r\nTo: {mail.sender}\r\n"
    arrives(
        world,
        f"{head}From: ada@example.org\r\nSubject: Out of office\r\n\r\nBye.\r\n".encode(),
        f"{head}From: ada@example.org\r\nAuto-Submitted: auto-replied\r\n"
        "Subject: Re: Morning papers\r\n\r\nThanks.\r\n".encode(),
        f"{head}From: MAILER-DAEMON@x.example\r\nSubject: Warning\r\n\r\n"
        "THIS IS A WARNING MESSAGE ONLY. 451 4.4.1 timeout\r\n".encode(),
        report(to=mail.sender, action="delayed", status="4.4.1"),
    )
    look(world)
    with world.app() as app:
        assert app.store.strikes.of(jobs.subscriber(app, "ada@example.org").id) == ()


# --- IMAP --------------------------------------------------------------------------------------


@dataclass
class ImapServer:
    """As much of RFC 3501 as reading a mailbox needs, spoken over a real socket."""

    mails: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    password: str = "hush"
    folders: set[str] = field(default_factory=lambda: {"INBOX"})
    offers_plain: bool = False
    port: int = 0
    validity: int = 1
    n_bodies: int = 0
    commands: list[str] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rwb") as stream:

            def say(text: bytes) -> None:
                stream.write(text + b"\r\n")
                stream.flush()

            say(b"* OK ready")
            while line := stream.readline():
                tag, _, rest = line.decode().strip().partition(" ")
                self.commands.append(rest)
                verb = rest.upper()
                if verb.startswith("CAPABILITY"):
                    say(b"* CAPABILITY IMAP4rev1" + b" AUTH=PLAIN" * self.offers_plain)
                elif verb.startswith("AUTHENTICATE PLAIN"):
                    say(b"+ ")
                    answer = base64.b64decode(stream.readline()).decode()
                    if answer.split("\0")[2] != unicodedata.normalize("NFC", self.password):
                        say(f"{tag} NO wrong password".encode())
                        continue
                elif verb.startswith("LOGIN") and self.password not in rest:
                    say(f"{tag} NO wrong password".encode())
                    continue
                elif verb.startswith("SELECT") and rest[8:-1] not in self.folders:
                    say(f"{tag} NO no such folder".encode())
                    continue
                elif verb.startswith("UID SEARCH"):
                    least = int(rest.split()[-1].split(":")[0]) if " UID " in rest[4:] else 0
                    chosen = [u for u in self.mails if u not in self.seen]
                    # "n:*" has the last one, whatever its number
                    chosen = [u for u in chosen if u >= least or u == max(self.mails)]
                    open_ = " ".join(map(str, chosen))
                    say(f"* SEARCH {open_}".encode())
                elif verb.startswith("UID FETCH"):
                    for uid in map(int, rest.split()[2].split(",")):
                        body = self.mails[uid]
                        if "HEADER" in rest:
                            body = headers_of(body)
                        else:
                            self.n_bodies += 1
                        say(f"* 1 FETCH (UID {uid} BODY[] {{{len(body)}}}".encode())
                        stream.write(body)
                        say(b")")
                elif verb.startswith("UID STORE"):
                    self.seen.add(int(rest.split()[2]))
                elif verb.startswith("LOGOUT"):
                    say(b"* BYE")
                    say(f"{tag} OK".encode())
                    return
                elif verb.startswith("SELECT"):
                    say(f"* OK [UIDVALIDITY {self.validity}] UIDs valid".encode())
                say(f"{tag} OK done".encode())


@contextmanager
def imap_server() -> Iterator[ImapServer]:
    box = ImapServer()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        box.port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=box.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield box


def use_imap(world: World, port: int, folder: str = "INBOX") -> None:
    text = world.config.read_text("utf-8")
    table = (
        f'[inbox]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nusername = "digest"\n'
        f'folder = "{folder}"\n'
    )
    world.config.write_text(text.replace('[inbox]\nmaildir = "inbox"\n', table), "utf-8")
    (world.folder / ".env").write_text("INBOX_PASSWORD=hush\n", "utf-8")


def test_an_imap_mailbox_is_read_and_only_what_is_ours_is_marked(world: World) -> None:
    with imap_server() as imap:
        use_imap(world, imap.port)
        imap.mails = {
            7: b"Subject: thank you\r\n\r\nnice\r\n",
            9: about(world, report()),
        }
        assert look(world).n_applied == 1
        assert state(world) is SubscriberState.SUPPRESSED
        assert imap.seen == {9}
        assert not any("DELETED" in c.upper() for c in imap.commands)
        assert look(world).n_read == 0  # the letter was looked at, and stays unread


def test_an_imap_server_that_refuses_is_told(world: World) -> None:
    with imap_server() as imap:
        use_imap(world, imap.port, folder="Nowhere")
        with pytest.raises(InboxError, match="has no folder Nowhere"):
            look(world)
        imap.password = "other"
        with pytest.raises(InboxError, match=r"wrong password.*INBOX_PASSWORD"):
            look(world)
    use_imap(world, 1)
    text = world.config.read_text("utf-8")
    world.config.write_text(text.replace(f"port = {imap.port}", "port = 1"), "utf-8")
    with pytest.raises(InboxError, match=r"127\.0\.0\.1:1 cannot be read"):
        look(world)


def test_seals_and_links_agree_with_the_store(world: World) -> None:
    with world.app() as app:
        html = sent_to(world).get_body(("html",)).get_content()  # type: ignore[union-attr]
        mail = next(u for u in links(html) if "subject=Like" in u)
        ticket = Seal(app.store.keys).read_subject(unquote(mail), world.now.date())
        assert ticket.subscriber_id == jobs.subscriber(app, "ada@example.org").id


def test_an_imap_inbox_is_read_by_headers_and_never_twice(world: World) -> None:
    letter = b"From: friend@example.net\r\nSubject: Hello\r\n\r\n" + b"x" * 400_000 + b"\r\n"
    with imap_server() as imap:
        use_imap(world, imap.port)
        imap.mails = dict.fromkeys(range(1, 121), letter)
        imap.mails[121] = about(world, report())
        found = look(world)
        assert (found.n_read, found.n_applied) == (121, 1)
        assert imap.n_bodies == 1
        assert look(world).n_read == 0
        assert imap.n_bodies == 1
        imap.mails[122] = pressed(world, "Unsubscribe", "bob@example.org")
        assert look(world).told == ["bob@example.org: unsubscribed"]
        imap.validity = 2  # the folder was made anew: numbers mean other mails
        assert look(world).n_read == 120


def test_a_dry_look_remembers_nothing(world: World) -> None:
    with imap_server() as imap:
        use_imap(world, imap.port)
        imap.mails = {1: pressed(world, "Unsubscribe")}
        assert look(world, dry_run=True).n_applied == 1
        assert look(world).n_applied == 1


def test_a_maildir_with_thousands_of_seen_mails_is_not_deaf(world: World) -> None:
    cur = world.folder / "inbox" / "cur"
    for n in range(2_100):
        (cur / f"{1_000_000_000 + n}.seen.host:2,S").write_bytes(b"Subject: old\r\n\r\n")
    arrives(world, about(world, report()))
    found = look(world)
    assert (found.n_read, found.n_applied) == (1, 1)


# --- a real server ------------------------------------------------------------------------------


def test_dovecot_is_read_by_headers_once_and_only_what_is_ours_is_marked(world: World) -> None:
    with dovecot() as server:
        letter = b"From: friend@example.net\r\nSubject: Hello %d\r\n\r\nHi.\r\n"
        server.deliver(*(letter % number for number in range(3)))
        server.deliver(about(world, report()), pressed(world, "Unsubscribe", "bob@example.org"))
        use_imap(world, server.port)
        found = look(world)
        assert (found.n_read, found.n_applied) == (5, 2)
        assert state(world) is SubscriberState.SUPPRESSED
        assert state(world, "bob@example.org") is SubscriberState.UNSUBSCRIBED
        assert look(world).n_read == 0
        assert server.seen() == 2


def test_a_folder_of_any_letters_is_found_at_dovecot(world: World) -> None:
    with dovecot() as server:
        server.deliver(about(world, report()), folder=modified_utf7("Rückläufer"))
        use_imap(world, server.port, folder="Rückläufer")
        assert look(world).n_applied == 1


def test_a_run_reads_the_inbox_before_it_sends(world: World) -> None:
    arrives(world, pressed(world, "Unsubscribe"))
    done = CliRunner().invoke(command_line, ["-c", str(world.config), "run"])
    assert "ada@example.org" in done.output
    assert state(world) is SubscriberState.UNSUBSCRIBED


def test_a_run_goes_on_without_its_inbox(world: World) -> None:
    (world.folder / "inbox" / "new").rename(world.folder / "inbox" / "old")
    done = CliRunner().invoke(command_line, ["-c", str(world.config), "run"])
    assert "The inbox was not read" in done.output
    assert "Traceback" not in done.output


def test_check_says_when_the_mails_links_lead_nowhere(world: World) -> None:
    told = "nothing reads them, so somebody has to"
    check = ["-c", str(world.config), "check"]
    assert told not in CliRunner().invoke(command_line, check).output
    world.write()
    shown = " ".join(CliRunner().invoke(command_line, check).output.split())
    assert told in shown
