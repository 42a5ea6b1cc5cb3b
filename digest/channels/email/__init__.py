"""Mail: sending by SMTP or into a Maildir, and what comes back."""
