"""Reading a finished mail as critics would: mail programs, screen readers, spam filters.

Needs the extra "preview" (Beautiful Soup, tinycss2).
"""

from digest.proof.findings import Finding, Severity
from digest.proof.reader import proofread

__all__ = ["Finding", "Severity", "proofread"]
