"""What comes back by mail: reports of mail servers, complaints, and readers' actions."""

from digest.inbox.letters import Bounce, Complaint, Letter, Reply, read_letter

__all__ = ["Bounce", "Complaint", "Letter", "Reply", "read_letter"]
