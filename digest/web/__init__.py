"""The web side: daily papers, search, subscribing, feedback. HTTP in, use case, HTTP out.

Every page is made on the server and works without scripts: there are none. A GET changes nothing;
what acts is a form, and the authority for it is the signed token in its address, or the session
cookie together with the form's own token.
"""
