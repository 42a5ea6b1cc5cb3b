"""DKIM: a signature over headers and body, by the dkimpy library (RFC 6376, RFC 8463)."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from digest.distribution import missing
from digest.errors import ConfigError

#: what mail programs show or act upon, signed once more often than it stands there: a second one
#: that somebody adds on the way, or a first one where we wrote none, breaks the signature
#: (RFC 6376, 8.15). RFC 8058 wants List-Unsubscribe and List-Unsubscribe-Post signed.
OVERSIGNED_HEADERS = (
    b"From To Cc Subject Date Reply-To Message-ID MIME-Version Content-Type "
    b"Content-Transfer-Encoding List-Id List-Unsubscribe List-Unsubscribe-Post"
).split()
#: signed as often as it stands there
SIGNED_HEADERS = b"Feedback-ID Auto-Submitted".split()


class DkimSigner:
    """Puts a DKIM-Signature before a message.

    Args:
        key_file: a private key in PEM (RSA), or 32 bytes in base64 (Ed25519, as dknewkey makes).

    Raises:
        ConfigError: dkimpy is not installed, or the key is none.
    """

    def __init__(self, *, domain: str, selector: str, key_file: Path) -> None:
        try:
            import dkim
        except ImportError as error:
            raise ConfigError([missing("[mail.dkim]", "dkimpy", "dkim")]) from error
        self._dkim = dkim
        self._domain, self._selector, self._key_file = domain, selector, key_file
        try:
            self._key = key_file.read_bytes()
        except OSError as error:
            raise ConfigError(
                [f"[mail.dkim] key_file: {key_file} cannot be read: {error.strerror}"]
            ) from error
        self._algorithm = b"rsa-sha256" if b"-----BEGIN" in self._key else b"ed25519-sha256"
        self(b"From: x@example.org\r\n\r\n\r\n")  # a wrong key is told now, not at the first mail

    def fits(self, record: str) -> bool:
        """Whether a published key is the one that belongs to ours.

        Args:
            record: text of the DNS record.
        """
        signed = self(b"From: x@example.org\r\n\r\nx\r\n")
        try:
            return bool(self._dkim.verify(signed, dnsfunc=lambda *_, **__: record.encode()))
        except (self._dkim.DKIMException, ValueError):
            return False

    def __call__(self, body: bytes) -> bytes:
        present = Counter(
            line.split(b":", 1)[0].lower()
            for line in body.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
            if b":" in line and not line.startswith((b" ", b"\t"))
        )
        signed = [h for h in OVERSIGNED_HEADERS for _ in range(present[h.lower()] + 1)]
        signed += [h for h in SIGNED_HEADERS for _ in range(present[h.lower()])]
        try:
            signature: bytes = self._dkim.sign(
                body,
                self._selector.encode("idna"),
                self._domain.encode("idna"),
                self._key,
                canonicalize=(b"relaxed", b"relaxed"),
                signature_algorithm=self._algorithm,
                include_headers=signed,
                logger=logging.getLogger("digest.dkim"),
            )
        except (self._dkim.DKIMException, ValueError) as error:
            raise ConfigError(
                [f"[mail.dkim] key_file: {self._key_file} is no key that can sign: {error}"]
            ) from error
        return signature + body
