"""Signatures, checked by dkimpy's own verifier against a key that DNS would give."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from digest import jobs
from digest.edition import build_message
from digest.errors import ConfigError
from tests.conftest import NOW
from tests.unit.test_edition import HEAD, RENDERER, edition
from tests.worlds import World, make_world, record

dkim = pytest.importorskip("dkim", reason="dkimpy is not installed (extra dkim)")

Dns = Callable[..., bytes]


def rsa_key(folder: Path) -> tuple[Path, Dns]:
    key = folder / "rsa.pem"
    run = ["openssl", "genrsa", "-out", str(key), "2048"]
    try:
        subprocess.run(run, check=True, capture_output=True)
        made = subprocess.run(
            ["openssl", "rsa", "-in", str(key), "-pubout", "-outform", "DER"],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not here, so there is no key to sign with")
    record_ = b"v=DKIM1; k=rsa; p=" + base64.b64encode(made.stdout)
    return key, lambda name, timeout=5: record_


def ed25519_key(folder: Path) -> tuple[Path, Dns]:
    signing = pytest.importorskip("nacl.signing", reason="PyNaCl is not installed")
    key = signing.SigningKey.generate()
    path = folder / "ed25519.key"
    path.write_bytes(base64.b64encode(bytes(key)))
    record_ = b"v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(key.verify_key))
    return path, lambda name, timeout=5: record_


@pytest.mark.parametrize("make_key", [rsa_key, ed25519_key])
def test_a_signed_mail_verifies_and_a_changed_one_does_not(
    tmp_path: Path, make_key: Callable[[Path], tuple[Path, Dns]]
) -> None:
    from digest.channels.email.dkim import DkimSigner

    key, dns = make_key(tmp_path)
    sign = DkimSigner(domain="example.org", selector="digest", key_file=key)
    made = edition()
    body = build_message(made, RENDERER.render(made), HEAD, now=NOW).body
    signed = sign(body)
    assert signed.endswith(body)
    assert signed.startswith(b"DKIM-Signature: ")
    assert max(len(line) for line in signed.split(b"\r\n")) <= 998
    assert dkim.verify(signed, dnsfunc=dns)
    for old, new in (
        (b"A study", b"A lie"),
        (b"List-Unsubscribe: <mailto:", b"List-Unsubscribe: <mailto:x"),
        (b"From: ", b"From: x@evil.example\r\nFrom: "),
    ):
        assert old in signed
        assert not dkim.verify(signed.replace(old, new, 1), dnsfunc=dns)


@pytest.mark.parametrize(
    "added",
    [
        b"From: x@evil.example",
        b"To: x@evil.example",
        b"Cc: x@evil.example",
        b"Subject: Something else",
        b"Date: Thu, 01 Jan 2026 00:00:00 +0000",
        b"Reply-To: x@evil.example",
        b"Message-ID: <x@evil.example>",
        b"Content-Type: text/html",
        b"Content-Transfer-Encoding: base64",
        b"List-Unsubscribe: <https://evil.example/>",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ],
    ids=lambda header: header.split(b":")[0].decode(),
)
@pytest.mark.parametrize("at_top", [True, False])
def test_no_header_that_is_shown_or_acted_upon_can_be_added(
    tmp_path: Path, added: bytes, at_top: bool
) -> None:
    from digest.channels.email.dkim import DkimSigner

    key, dns = ed25519_key(tmp_path)
    sign = DkimSigner(domain="example.org", selector="digest", key_file=key)
    made = edition()
    signed = sign(build_message(made, RENDERER.render(made), HEAD, now=NOW).body)
    assert dkim.verify(signed, dnsfunc=dns)
    head, body = signed.split(b"\r\n\r\n", 1)
    parts = [added, head] if at_top else [head, added]
    assert not dkim.verify(b"\r\n".join(parts) + b"\r\n\r\n" + body, dnsfunc=dns)


@pytest.mark.parametrize("text", [b"", b"no key", b"-----BEGIN RSA PRIVATE KEY-----\nx\n-----END"])
def test_what_is_no_key_is_told_before_any_mail(tmp_path: Path, text: bytes) -> None:
    from digest.channels.email.dkim import DkimSigner

    key = tmp_path / "k"
    key.write_bytes(text)
    with pytest.raises(ConfigError, match="is no key that can sign"):
        DkimSigner(domain="example.org", selector="digest", key_file=key)


def test_a_run_with_a_key_sends_signed_mails(tmp_path: Path) -> None:
    key, dns = rsa_key(tmp_path)
    with make_world(tmp_path) as world:
        _list(world)
        dkim_table = (
            f'[mail.dkim]\ndomain = "example.org"\nselector = "digest"\nkey_file = "{key.name}"\n'
        )
        world.write(sources=dkim_table)
        with world.app() as app:
            report = jobs.run(app)
        assert report is not None
        (mail,) = world.smtp.mails
        assert dkim.verify(mail.body, dnsfunc=dns)


def _list(world: World) -> None:
    from tests.servers import Answer, rss

    stamp = world.now.strftime("%a, %d %b %Y 00:00:00 -0400")
    world.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(n) for n in range(4)], stamp)))
