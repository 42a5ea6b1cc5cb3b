"""The two letters of the web side: please confirm, and you are a member already."""

from __future__ import annotations

from datetime import datetime

from digest.edition.links import Action, Ticket, action_url
from digest.edition.message import build_letter
from digest.edition.render import Renderer
from digest.model import Message


def invitation(
    renderer: Renderer, email: str, signup_id: str, language: str, now: datetime
) -> Message:
    """Asks for one press of a button; whoever did not ask for it need do nothing."""
    head, speech = renderer.letterhead, renderer.speech(language)
    gettext = speech.gettext
    ticket = Ticket(Action.CONFIRM, signup_id)
    url = action_url(
        ticket, head.seal.sign(ticket, now.date()), web_url=head.web_url, reply_to=head.reply_to
    )
    subject = gettext("Please confirm: {title}").format(title=head.title)
    rendered = renderer.letter(
        language,
        {
            "subject": subject,
            "heading": gettext("One press, and it begins"),
            "paragraphs": [
                gettext(
                    "Somebody, you we hope, asked for {title} at this address: {email}."
                ).format(title=head.title, email=email),
                gettext("The button leads to a page that says what you will get and asks once."),
            ],
            "button": {"label": gettext("See and confirm"), "url": url},
            "small_print": gettext(
                "If it was not you, do nothing: without your confirmation nothing is sent, and the "
                "request is forgotten after a week."
            ),
        },
    )
    return build_letter(email, subject, rendered, head, name=f"confirm|{signup_id}", now=now)


def reminder(
    renderer: Renderer, email: str, subscriber_id: str, signup_id: str, language: str, now: datetime
) -> Message:
    """The way to their preferences, for who asked to join and is a member."""
    head, speech = renderer.letterhead, renderer.speech(language)
    gettext = speech.gettext
    ticket = Ticket(Action.PREFERENCES, subscriber_id)
    url = action_url(
        ticket, head.seal.sign(ticket, now.date()), web_url=head.web_url, reply_to=head.reply_to
    )
    subject = gettext("You are subscribed: {title}").format(title=head.title)
    rendered = renderer.letter(
        language,
        {
            "subject": subject,
            "heading": gettext("You are subscribed already"),
            "paragraphs": [
                gettext(
                    "Somebody, you we hope, asked for {title} at this address: {email}."
                ).format(title=head.title, email=email),
                gettext("It is subscribed. Nothing was changed."),
            ],
            "button": {"label": gettext("Change what you get"), "url": url},
            "small_print": gettext("If it was not you, do nothing."),
        },
    )
    return build_letter(email, subject, rendered, head, name=f"reminder|{signup_id}", now=now)
