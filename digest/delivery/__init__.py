"""Ways out: SMTP and Maildir."""
