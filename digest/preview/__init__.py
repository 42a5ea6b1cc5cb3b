"""Looking at mails before they go out: in the browser, as findings, as pictures."""
