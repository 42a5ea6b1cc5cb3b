"""Languages: what the mail says, and how it writes dates, numbers and lists."""

from __future__ import annotations

import gettext
from collections.abc import Sequence
from datetime import date
from io import BytesIO

from babel import Locale
from babel.dates import format_date, format_skeleton, get_day_names
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

#: numbers kept as they were written
MAX_NUMBERS = 20_000


class Speech:
    """One language.

    Args:
        po: its catalogue (gettext .po); nothing for English, which the sources are written in.
    """

    def __init__(self, language: str, po: bytes = b"") -> None:
        # English without a country would write May 20, 2026; most of the world does not.
        self._locale = Locale.parse("en_GB" if language == "en" else language)
        self.language = language
        self._days: dict[tuple[date, bool], str] = {}
        self._long_dates: dict[date, str] = {}
        self._numbers: dict[tuple[float, int], str] = {}
        self._catalogue = gettext.NullTranslations()
        if po:
            compiled = BytesIO()
            write_mo(compiled, read_po(BytesIO(po), locale=language))
            compiled.seek(0)
            self._catalogue = gettext.GNUTranslations(compiled)

    def gettext(self, message: str) -> str:
        return self._catalogue.gettext(message) if message else ""

    def told(self, message: str, otherwise: str) -> str:
        """A message that may be one of many, such as a fault; in a language that has no words for
        it, something else that is true of it."""
        said = self.gettext(message)
        return self.gettext(otherwise) if said == message and self.language != "en" else said

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """The form for a number of things, with the number put in for {n}."""
        return self._catalogue.ngettext(singular, plural, n).replace("{n}", self.number(n))

    def plain_ngettext(self, singular: str, plural: str, n: int) -> str:
        """What templates call: the number is put in by them."""
        return self._catalogue.ngettext(singular, plural, n)

    def number(self, n: float, digits: int = 0) -> str:
        """ "1,204", "0.47"."""
        n = round(n, digits + 2) if digits else n  # so that few different ones are asked for
        known = self._numbers.get((n, digits))
        if known is None:
            if len(self._numbers) > MAX_NUMBERS:
                self._numbers.clear()
            pattern = "#,##0" + ("." + "0" * digits if digits else "")
            known = str(format_decimal(n, format=pattern, locale=self._locale))
            self._numbers[n, digits] = known
        return known

    def long_date(self, day: date) -> str:
        """ "Wednesday, 20 May 2026"."""
        known = self._long_dates.get(day)
        if known is None:
            # the British form has no comma after the weekday
            form = "EEEE, d MMMM y" if self.language == "en" else "full"
            known = self._long_dates[day] = str(format_date(day, form, locale=self._locale))
        return known

    def day_and_month(self, day: date) -> str:
        """ "20 May"."""
        return self._as_day(day, with_year=False)

    def full_date(self, day: date) -> str:
        """ "20 May 2026"."""
        return str(format_date(day, "long", locale=self._locale))

    def month(self, day: date) -> str:
        """ "May 2026"."""
        return str(format_skeleton("yMMMM", day, locale=self._locale))

    def weekday(self, number: int, *, short: bool = False) -> str:
        """ "Monday", "Mon"; 0 is Monday."""
        names = get_day_names("abbreviated" if short else "wide", "stand-alone", self._locale)
        return str(names[number])

    def day_of(self, day: date, year: int) -> str:
        """ "20 May", or "20 May 2025" where it is another year than this one."""
        return self._as_day(day, with_year=day.year != year)

    def _as_day(self, day: date, *, with_year: bool) -> str:
        known = self._days.get((day, with_year))
        if known is None:
            form = "yMMMd" if with_year else "MMMd"
            known = str(format_skeleton(form, day, locale=self._locale))
            self._days[day, with_year] = known
        return known

    def listed(self, things: Sequence[str]) -> str:
        """ "a, b and c"."""
        return str(format_list(list(things), locale=self._locale))


ENGLISH = Speech("en")
