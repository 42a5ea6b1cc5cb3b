"""Moving in from zotero-arxiv-daily: its YAML, or the variables that its older versions ran on.

What it said goes into our configuration; secrets go into `.env`; what has no counterpart is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest.distribution import missing
from digest.errors import ConfigError
from digest.languages import NAMES, known_languages

#: a value that comes from the environment: ${oc.env:NAME} or ${oc.env:NAME,default}
_FROM_ENV = re.compile(r"\$\{oc\.env:(\w+)(?:,([^}]*))?\}")
#: as it writes languages
_ENGLISH_NAMES = {
    "english": "en",
    "german": "de",
    "spanish": "es",
    "french": "fr",
    "japanese": "ja",
    "chinese": "zh",
    "simplified chinese": "zh",
}
#: variables of its older versions, and where its YAML has the same
_VARIABLES = {
    "ZOTERO_ID": ("zotero", "user_id"),
    "ZOTERO_KEY": ("zotero", "api_key"),
    "ZOTERO_IGNORE": ("zotero", "ignore_path"),
    "ARXIV_QUERY": ("source", "arxiv", "category"),
    "SMTP_SERVER": ("email", "smtp_server"),
    "SMTP_PORT": ("email", "smtp_port"),
    "SENDER": ("email", "sender"),
    "RECEIVER": ("email", "receiver"),
    "SENDER_PASSWORD": ("email", "sender_password"),
    "MAX_PAPER_NUM": ("executor", "max_paper_num"),
    "SEND_EMPTY": ("executor", "send_empty"),
    "OPENAI_API_KEY": ("llm", "api", "key"),
    "OPENAI_API_BASE": ("llm", "api", "base_url"),
    "MODEL_NAME": ("llm", "generation_kwargs", "model"),
    "LANGUAGE": ("llm", "language"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedIn:
    """What was found."""

    #: fields of `init.Answers`
    answers: Mapping[str, Any]
    #: variables of `.env`
    secrets: Mapping[str, str]
    #: sentences about what could not be taken
    left: Sequence[str]


def move_in(file: Path, environ: Mapping[str, str]) -> MovedIn:
    """Read a configuration of zotero-arxiv-daily.

    Args:
        file: its YAML; or NAME=value lines, as its older versions were run with.
        environ: where values stand that the YAML only names.

    Raises:
        ConfigError: it cannot be read, or is none.
    """
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{file} cannot be read: {error}."]) from error
    is_yaml = file.suffix.lower() in (".yaml", ".yml")
    raw = _yaml(text, file) if is_yaml else _variables(file)
    unset: list[str] = []
    theirs = _resolved(raw, environ, unset)
    if not any(k in theirs for k in ("zotero", "source", "email")):
        raise ConfigError(
            [f"{file} is not of zotero-arxiv-daily: it has no zotero, source or email."]
        )
    found = _translated(theirs)
    told = [f"{n} is not set here, so what it holds is missing." for n in dict.fromkeys(unset)]
    return MovedIn(answers=found.answers, secrets=found.secrets, left=(*told, *found.left))


def _yaml(text: str, file: Path) -> Mapping[str, Any]:
    try:
        import yaml  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise ConfigError([missing("Reading YAML", error.name, "yaml")]) from error
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError([f"{file} is no YAML: {' '.join(str(error).split())}."]) from error
    return raw if isinstance(raw, dict) else {}


def _variables(file: Path) -> dict[str, Any]:
    from dotenv import dotenv_values

    found: dict[str, Any] = {}
    for name, value in dotenv_values(file).items():
        if value and name in _VARIABLES:
            *path, last = _VARIABLES[name]
            here = found
            for part in path:
                here = here.setdefault(part, {})
            here[last] = value
    return found


def _resolved(value: Any, environ: Mapping[str, str], unset: list[str]) -> Any:
    """A value with what stands in the environment; "???" is what its authors leave open."""
    if isinstance(value, dict):
        return {str(k): _resolved(v, environ, unset) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolved(v, environ, unset) for v in value]
    if value == "???":
        return None
    if not isinstance(value, str):
        return value

    def put(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name not in environ and default is None:
            unset.append(name)
        held = environ.get(name, default or "")
        return "" if held == "null" else held

    return _FROM_ENV.sub(put, value) or None


def _at(table: Any, *path: str) -> Any:
    for part in path:
        table = table.get(part) if isinstance(table, dict) else None
    return table


def _many(value: Any) -> list[str]:
    """A list, or one text with "+" or lines between its parts, as older versions have it."""
    if isinstance(value, str):
        return [p.strip() for p in re.split(r"[+\n,]", value) if p.strip()]
    return [str(v).strip() for v in value if v] if isinstance(value, list) else []


def _translated(theirs: Mapping[str, Any]) -> MovedIn:
    left: list[str] = []
    secrets: dict[str, str] = {}
    answers: dict[str, Any] = {"sources": _sources(theirs, left)}
    user = _at(theirs, "zotero", "user_id")
    if user:
        like: dict[str, Any] = {"zotero": f"users/{user}"}
        for ours, name in (("collections", "include_path"), ("exclude", "ignore_path")):
            # what lies below a collection belongs to it here
            if paths := [re.sub(r"(?:/\*+)+$", "", p) for p in _many(_at(theirs, "zotero", name))]:
                like[ours] = paths
        answers["likes"] = [like]
    for variable, path in (
        ("ZOTERO_API_KEY", ("zotero", "api_key")),
        ("SMTP_PASSWORD", ("email", "sender_password")),
        ("SUMMARY_API_KEY", ("llm", "api", "key")),
    ):
        if held := _at(theirs, *path):
            secrets[variable] = str(held)
    mail = _at(theirs, "email") or {}
    port = str(mail.get("smtp_port") or "")
    answers["email"] = str(mail.get("receiver") or "")
    if mail.get("smtp_server"):
        answers |= {
            "smtp_host": str(mail["smtp_server"]),
            "smtp_port": int(port) if port.isdigit() else None,
            "security": "tls" if port == "465" else "starttls",
            "username": str(mail.get("sender") or ""),
            "sender": str(mail.get("sender") or ""),
        }
    most = str(_at(theirs, "executor", "max_paper_num") or "")
    if most.isdigit() and int(most) > 0:
        answers["length"] = min(100, int(most))
    if str(_at(theirs, "executor", "send_empty")).lower() in ("true", "1"):
        answers["on_empty"] = "note"
    _take_model(theirs, answers, left)
    if _at(theirs, "reranker"):
        left.append(
            "Its reranker: papers are ranked by words here; `[ranking] semantic` adds a model."
        )
    return MovedIn(answers=answers, secrets=secrets, left=left)


def _sources(theirs: Mapping[str, Any], left: list[str]) -> list[dict[str, Any]]:
    wanted = _many(_at(theirs, "executor", "source")) or list(_at(theirs, "source") or ())
    found: list[dict[str, Any]] = []
    for name in wanted:
        categories = _many(_at(theirs, "source", name, "category"))
        if name == "arxiv" and categories:
            found.append({"kind": "arxiv", "categories": categories})
        elif name in ("biorxiv", "medrxiv"):
            chosen = {"categories": categories} if categories else {}
            found.append({"kind": "biorxiv", "server": name, **chosen})
        else:
            left.append(f"Its source {name}: there is none of this kind here.")
    return found


def _take_model(theirs: Mapping[str, Any], answers: dict[str, Any], left: list[str]) -> None:
    """Its one-sentence summaries, and their language, which the mail has then, too."""
    language = str(_at(theirs, "llm", "language") or "").strip().lower()
    code = _ENGLISH_NAMES.get(language, language)
    code = next((c for c, own in NAMES.items() if own.lower() == language), code)
    if code in known_languages():
        answers["language"] = code
    elif language:
        left.append(f"Its language {language}: mails have {', '.join(known_languages())}.")
    url, model = (
        _at(theirs, "llm", "api", "base_url"),
        _at(theirs, "llm", "generation_kwargs", "model"),
    )
    if _at(theirs, "executor", "tldr") is False:
        return
    if url and model:
        answers["summary"] = {"base_url": str(url), "model": str(model)}
    elif url or model:
        left.append("Its language model: [summary] needs both base_url and model.")
