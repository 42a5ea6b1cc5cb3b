"""From files and environment to `Settings`, with every mistake named at once."""

from __future__ import annotations

import difflib
import os
import re
import shlex
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from dotenv import dotenv_values
from pydantic import BaseModel, SecretStr, ValidationError

from digest.config.keys import ServiceKeys
from digest.config.likes import AuthorLikes, FileLikes, InlinePaper, RecommendedLikes, ZoteroLikes
from digest.config.lines import line_of
from digest.config.mail import SmtpSettings
from digest.config.schema import Settings
from digest.errors import ConfigError
from digest.fields import Context, FromEnvironment, Table
from digest.preferences import Preferences
from digest.registry import kind_of
from digest.sources.opml import OpmlSettings
from digest.sources.registry import kinds

_HERE = Path(__file__).resolve().parent.parent
#: the commented example: beside the package in a wheel, at the top of a checkout
EXAMPLE = next(
    (
        p
        for p in (_HERE / "config.example.toml", _HERE.parent / "config.example.toml")
        if p.exists()
    ),
    _HERE / "config.example.toml",
)

#: the tables among likes, as pydantic calls them in places of mistakes
LIKE_MODELS: Mapping[int | str, type[BaseModel]] = {
    "(paper)": InlinePaper,
    "(zotero)": ZoteroLikes,
    "(author)": AuthorLikes,
    "(recommendations)": RecommendedLikes,
    "(file)": FileLikes,
}


def find_config(option: Path | None, environ: Mapping[str, str]) -> Path:
    """--config, else $DIGEST_CONFIG, else config.toml in the current folder."""
    return option or Path(environ.get("DIGEST_CONFIG") or "config.toml")


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read and check a config file with its .env.

    Raises:
        ConfigError: with all faults, each naming file, key, what is wrong and what is right.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            [f"{path}: there is no such file. `digest init` writes one, --config names another."]
        ) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error}."]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([_no_utf8(path, error)]) from error
    return load_text(text, path=path, environ=environment(path, environ))


def environment(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment over the .env beside a config file.

    Raises:
        ConfigError: .env cannot be read.
    """
    dotenv = path.parent / ".env"
    try:
        local = {k: v for k, v in dotenv_values(dotenv).items() if v is not None}
    except OSError as error:
        raise ConfigError([f"{dotenv}: cannot be read: {error}."]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([_no_utf8(dotenv, error)]) from error
    return {**local, **environ}


def _no_utf8(path: Path, error: UnicodeDecodeError) -> str:
    line = error.object.count(b"\n", 0, error.start) + 1
    return f"{path}: line {line} is not UTF-8. Save the file as UTF-8 in your editor."


def _remedy(text: str, error: tomllib.TOMLDecodeError) -> str:
    """What helps against the mistakes that a text editor makes for people, and a key that is there
    twice."""
    place = re.search(r"line (\d+), column (\d+)", str(error))
    line = text.split("\n")[int(place[1]) - 1] if place else ""
    if found := re.search("[\u2018-\u201f\u00ab\u00bb\uff02]", line):
        return f' Write " in place of {found[0]}.'
    if "overwrite" in str(error):
        return " It is there twice; keep one."
    if "\\" in line:
        return r" In a path write / or \\ for \, or put it between '."
    return ""


def readable_secrets(path: Path) -> list[str]:
    """Hints about files with secrets that other users of the machine can read."""
    name = path.parent / ".env"
    try:
        mode = name.stat().st_mode
    except OSError:
        return []
    if os.name == "posix" and mode & 0o077:
        return [f"{name} can be read by others on this machine: chmod 600 {shlex.quote(str(name))}"]
    return []


def load_text(text: str, *, path: Path, environ: Mapping[str, str]) -> Settings:
    """Check the text of a config file; `path` names it in messages and anchors relative paths."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: this is not TOML: {error}.{_remedy(text, error)}"]) from error
    except RecursionError as error:
        raise ConfigError([f"{path}: this is nested too deeply to be a configuration."]) from error
    problems: list[str] = []
    settings: Settings | None = None
    if "keys" in raw:
        names = ", ".join(_variables(ServiceKeys))
        problems.append(
            f"{path}, [keys]: keys do not belong in this file; set {names} in the environment or "
            "in .env"
        )
        del raw["keys"]
    try:
        context = Context(base=path.parent, environ=environ)
        settings = Settings.model_validate(raw, context=context)
    except ValidationError as error:
        problems += [
            _sentence(path, raw, e) + _line(text, e["loc"])
            for e in error.errors()
            if not _is_echo(raw, e)
        ]
    if settings is not None:
        settings = _with_logins(settings, path, environ)
        problems += _missing_files(settings, path)
    if problems:
        raise ConfigError([_short(p) for p in dict.fromkeys(problems)])
    assert settings is not None
    return settings


def _variables(table: type[Table]) -> list[str]:
    """Where the secrets of a table come from."""
    found = (m for info in table.model_fields.values() for m in info.metadata)
    return [m.variable for m in found if isinstance(m, FromEnvironment)]


def _short(sentence: str) -> str:
    """A sentence that repeats a value may repeat a very long one."""
    return sentence if len(sentence) < 700 else f"{sentence[:300]} … {sentence[-300:]}"


def _missing_files(settings: Settings, path: Path) -> list[str]:
    """Files and folders that would be missed only when the first mail is made."""
    problems: list[str] = []
    problems += [
        f"{path}, [[sources]] no. {n}, path: there is no file {s.path}"
        for n, s in enumerate(settings.sources, 1)
        if isinstance(s, OpmlSettings) and not s.path.is_file()
    ]
    mail = settings.mail
    if mail.templates and not mail.templates.is_dir():
        problems.append(f"{path}, [mail], templates: there is no folder {mail.templates}")
    if mail.dkim and not mail.dkim.key_file.is_file():
        problems.append(
            f"{path}, [mail], dkim.key_file: there is no file {mail.dkim.key_file}; "
            "docs/mail.md says how to make one"
        )
    return problems


def _with_logins(settings: Settings, path: Path, environ: Mapping[str, str]) -> Settings:
    """With what the logins to mail servers need. What is missing is told by what needs it, so that
    looking, liking and copying go without."""
    update: dict[str, Any] = {}
    inbox = settings.inbox
    if inbox and inbox.by_token and not inbox.username:
        fault = f"{path}, [inbox], username: a login by OAuth needs it; it is the mail address"
        update["inbox"] = inbox.model_copy(update={"fault": fault})
    elif inbox and inbox.host and not inbox.by_token and not inbox.password.get_secret_value():
        fault = (
            f"{path}, [inbox], host: there is no password for it; set INBOX_PASSWORD in the "
            "environment or in .env"
        )
        update["inbox"] = inbox.model_copy(update={"fault": fault})
    update["smtp"] = tuple(
        _with_smtp_login(s, n, path, environ) for n, s in enumerate(settings.smtp)
    )
    return settings.model_copy(update=update)


def password_variable(smtp: SmtpSettings, place: int) -> str:
    """Where the password of a route comes from: a further server must not be shown the first's."""
    return "SMTP_PASSWORD" + (f"_{re.sub(r'[^A-Z0-9]', '_', smtp.route.upper())}" if place else "")


def _with_smtp_login(
    smtp: SmtpSettings, place: int, path: Path, environ: Mapping[str, str]
) -> SmtpSettings:
    fault, variable = "", password_variable(smtp, place)
    password = environ.get(variable, "")
    username = smtp.username or ("" if place else environ.get("SMTP_USERNAME", ""))
    if smtp.by_token:
        if not username:
            fault = f"{path}, [smtp], username: a login by OAuth needs it; it is the mail address"
        return smtp.model_copy(update={"username": username, "fault": fault})
    if not password and smtp.password_file:
        try:
            password = smtp.password_file.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            fault = f"{path}, [smtp], password_file: {smtp.password_file}: {reason}"
    if username and not password and not fault:
        fault = (
            f"{path}, [smtp], username: there is no password for it; set {variable} in the "
            "environment or in .env, or name a file in password_file"
        )
    update = {"username": username, "password": SecretStr(password), "fault": fault}
    return smtp.model_copy(update=update)


def check_preferences(data: Mapping[str, Any]) -> tuple[Preferences | None, dict[str, str]]:
    """A reader's preferences from a form; or what is wrong, by field."""
    try:
        return Preferences.model_validate(data), {}
    except ValidationError as error:
        faults: dict[str, str] = {}
        for e in error.errors():
            told = _sentence(Path(), data, e)
            faults.setdefault(str(e["loc"][0]), told.split(": ", 1)[-1])
        return None, faults


# --- mistakes as sentences ---------------------------------------------------------------------

_ARTICLES = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "tuple_type": "must be a list in square brackets",
    "missing": "is missing",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "path_type": "must be a path in quotes",
}


def _sentence(path: Path, raw: Any, error: Any) -> str:
    loc: Sequence[int | str] = error["loc"]
    kind: str = error["type"]
    place = _place(loc, raw)
    where = f"{path}, {place}" if place else str(path)
    context = error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys_at(loc[:-1])
        guess = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
        hint = f'did you mean "{guess[0]}"?' if guess else "known keys: " + ", ".join(sorted(known))
        return f"{where}: there is no such key; {hint}"
    if kind in ("union_tag_not_found", "union_tag_invalid") and "likes" in loc:
        return f'{where}: must be an id, an address or a path in quotes, or {{ title = "…" }}'
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        given = context.get("tag")
        named = ", ".join(f'"{kind}"' for kind in kinds())
        found = f'"{given}" is no kind of source' if given else "is missing"
        return f"{where}, kind: {found}; use one of {named}"
    if kind == "value_error":
        return f"{where}: {context['error']}"
    if kind == "literal_error":
        return f"{where}: {_shown(raw, loc)} is not possible; use {context['expected']}".replace(
            "'", '"'
        )
    if kind == "tuple_type" and len(loc) == 1 and isinstance(raw.get(loc[0]), dict):
        return f"{path}: write [[{loc[0]}]], with two brackets: there may be several"
    if kind in _ARTICLES:
        shown = "" if kind == "missing" else f" (it is {_shown(raw, loc)})"
        return f"{where}: {_ARTICLES[kind]}{shown}"
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = context.get("ge", context.get("le"))
        side = "at least" if "ge" in context else "at most"
        return f"{where}: {_shown(raw, loc)} is out of range; it must be {side} {bound}"
    if kind in ("too_short", "string_too_short"):
        least = context.get("min_length", 1)
        return f"{where}: " + ("must not be empty" if least < 2 else f"needs at least {least}")
    return f"{where}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _line(text: str, loc: Sequence[int | str]) -> str:
    """ " (line 12)", where that can be found."""
    number = line_of(text, [p for p in loc if isinstance(p, int) or not _is_branch(p)])
    return f" (line {number})" if number else ""


def _is_echo(raw: Any, error: Any) -> bool:
    """Faults that only repeat another one: an array emptied by its faulty items, and the branch
    of "text or table" that the value did not mean."""
    loc, kind = error["loc"], error["type"]
    if kind == "too_short":
        value = raw
        for part in loc:
            value = value[part] if not (isinstance(part, str) and _is_branch(part)) else value
        return bool(len(value) >= error["ctx"]["min_length"])
    return False


def _place(loc: Sequence[int | str], raw: Any) -> str:
    """("subscribers", 1, "schedule", "timezone") as "[[subscribers]] no. 2, schedule.timezone"."""
    parts = [p for p in loc if not (isinstance(p, str) and _is_branch(p))]
    if len(parts) > 1 and isinstance(raw, dict) and isinstance(raw.get(parts[0]), dict):
        # what is an array with one member may be written as a table
        parts = [parts[0], *(p for p in parts[1:2] if isinstance(p, str)), *parts[2:]]
    if len(parts) > 1 and isinstance(parts[1], int):
        rest = _dotted(parts[2:])
        return f"[[{parts[0]}]] no. {parts[1] + 1}" + (f", {rest}" if rest else "")
    if len(parts) > 1:
        return f"[{parts[0]}], {_dotted(parts[1:])}"
    return _dotted(parts)


def _dotted(parts: Sequence[int | str]) -> str:
    text = ""
    for part in parts:
        text += f" no. {part + 1}" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _is_branch(part: str) -> bool:
    """Names that pydantic adds for the branch of a union it tried."""
    return part in (
        *kinds(),
        "str",
        "constrained-str",
    ) or bool(re.search(r"[\[\]()]", part))


def _shown(raw: Any, loc: Sequence[int | str]) -> str:
    value = raw
    for part in loc:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            continue
    if isinstance(value, str):
        return f'"{value[:80]}"'
    return (
        {True: "true", False: "false"}.get(value, str(value)[:80])
        if isinstance(value, bool)
        else str(value)[:80]
    )


def _keys_at(loc: Sequence[int | str]) -> list[str]:
    """The keys that the schema knows at this place."""
    models: list[type[BaseModel]] = [Settings]
    for part in loc:
        if isinstance(part, int) or not models:
            continue
        found: list[type[BaseModel]] = []
        for model in models:
            info = model.model_fields.get(part)
            if info is not None:
                found += _models_in(info.annotation)
            elif kind_of(model) == part or LIKE_MODELS.get(part) is model:
                found.append(model)
        models = found or models
    # secrets do not belong in a file, and what is found out about it does not either
    return sorted({k for m in models for k, info in m.model_fields.items() if not info.exclude})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (typing.Union, types.UnionType, tuple, Annotated):
        return [m for arg in get_args(annotation) for m in _models_in(arg)]
    return []
