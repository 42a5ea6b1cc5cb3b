"""The letters of the web side: please confirm, you are a member already, and here is your link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from digest.edition.links import Action, Ticket, action_url
from digest.edition.message import build_letter
from digest.edition.render import Renderer
from digest.model import Message, Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What a letter says, in its reader's language."""

    subject: str
    heading: str
    says: str
    button: str
    small_print: str


def invitation(
    renderer: Renderer, email: str, signup_id: str, language: str, now: datetime
) -> Message:
    """Asks for one press of a button; whoever did not ask for it need do nothing."""
    gettext = renderer.speech(language).gettext
    words = _Words(
        subject=gettext("Please confirm: {title}"),
        heading=gettext("Confirm your subscription"),
        says=gettext(
            "The button opens a page that shows what you will get and asks you to confirm."
        ),
        button=gettext("See and confirm"),
        small_print=gettext(
            "If it was not you, you can ignore this mail: nothing is sent without your "
            "confirmation, and the request is deleted after a week."
        ),
    )
    ticket = Ticket(Action.CONFIRM, signup_id)
    return _letter(renderer, email, language, words, ticket, name=f"confirm|{signup_id}", now=now)


def reminder(renderer: Renderer, known: Subscriber, signup_id: str, now: datetime) -> Message:
    """The way to their preferences, for who asked to join and is a member."""
    gettext = renderer.speech(known.preferences.language).gettext
    words = _Words(
        subject=gettext("You are subscribed: {title}"),
        heading=gettext("You are subscribed already"),
        says=gettext("This address is subscribed already, so nothing was changed."),
        button=gettext("Change what you get"),
        small_print=gettext("If it was not you, you can ignore this mail."),
    )
    ticket = Ticket(Action.PREFERENCES, known.id, generation=known.link_generation)
    name = f"reminder|{signup_id}"
    return _letter(
        renderer, known.email, known.preferences.language, words, ticket, name=name, now=now
    )


def fresh_link(renderer: Renderer, known: Subscriber, signup_id: str, now: datetime) -> Message:
    """The way to everything that is stored about somebody, for who asked for it on a page."""
    gettext = renderer.speech(known.preferences.language).gettext
    words = _Words(
        subject=gettext("Your link: {title}"),
        heading=gettext("Your personal link"),
        says=gettext(
            "The button opens the page with your settings and what is stored about you. You can "
            "change, download or delete it there."
        ),
        button=gettext("Open my page"),
        small_print=gettext(
            "Please do not forward this mail: until tomorrow, anyone with the link can do that. "
            "If it was not you, you can ignore it."
        ),
    )
    ticket = Ticket(Action.PREFERENCES, known.id, generation=known.link_generation)
    name = f"link|{signup_id}"
    return _letter(
        renderer, known.email, known.preferences.language, words, ticket, name=name, now=now
    )


def _letter(
    renderer: Renderer,
    email: str,
    language: str,
    words: _Words,
    ticket: Ticket,
    *,
    name: str,
    now: datetime,
) -> Message:
    """All begin alike: somebody asked for this at that address.

    Args:
        ticket: what the button leads to.
        name: makes the Message-ID.
    """
    head, gettext = renderer.letterhead, renderer.speech(language).gettext
    token = head.seal.sign(ticket, now.date())
    asked = gettext("Someone, hopefully you, entered {email} on the site of {title}.")
    subject = words.subject.format(title=head.title)
    rendered = renderer.letter(
        language,
        {
            "subject": subject,
            "heading": words.heading,
            "paragraphs": [asked.format(title=head.title, email=email), words.says],
            "button": {
                "label": words.button,
                "url": action_url(ticket, token, web_url=head.web_url, reply_to=head.reply_to),
            },
            "small_print": words.small_print,
        },
    )
    return build_letter(email, subject, rendered, head, name=name, now=now)
