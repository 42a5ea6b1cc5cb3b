from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import time
from pathlib import Path

import pytest

from digest.app import App
from digest.config import EXAMPLE, load_settings, load_text
from digest.config.keys import ServiceKeys
from digest.errors import ConfigError
from digest.fields import FromEnvironment, Table, check_timezone
from digest.sources.registry import kinds

SMALLEST = """
title = "Morning papers"

[schedule]
time = "07:30"
timezone = "Europe/Berlin"
weekdays = ["mon", "tue", "wed", "thu", "fri"]

[[sources]]
kind = "arxiv"
categories = ["cs.CL", "cs.LG"]

[[sources]]
kind = "huggingface"

[[subscribers]]
email = "ada@example.org"
likes = [
  "2405.01234", "https://arxiv.org/abs/2406.00001", "library.bib", { title = "…", abstract = "…" },
]

[smtp]
host = "smtp.example.org"
port = 587
security = "starttls"
username = "ada"
sender = "Morning papers <digest@example.org>"

[store]
path = "digest.db"
"""


def problems(text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(text, path=Path("config.toml"), environ=environ or {})
    return list(caught.value.problems)


def with_store(url: str) -> str:
    return SMALLEST.replace('path = "digest.db"', f'url = "{url}"')


def test_the_address_of_a_database_is_checked_and_holds_no_password() -> None:
    environ = {"SMTP_PASSWORD": "hush"}
    for url in ("mysql://a/b", "postgresql://host", "digest.db"):
        (told,) = problems(with_store(url), environ)
        assert "[store], url: this is no address of a PostgreSQL database" in told
    for url in ("postgresql://a:sesame@host/b", "postgresql://host/b?password=sesame"):
        (told,) = problems(with_store(url), environ)
        assert "a password does not belong in this file; set DIGEST_STORE_URL" in told
        assert "sesame" not in told
    (told,) = problems(SMALLEST, environ | {"DIGEST_STORE_URL": "redis://:sesame@x"})
    assert "DIGEST_STORE_URL: this is no address" in told
    assert "sesame" not in told


@pytest.mark.parametrize("password", [*"p@ss/w:rd a/b a:b a?b a#b 50% @ %4".split(), "a b"])
def test_no_part_of_a_password_that_must_be_encoded_is_shown(password: str) -> None:
    from digest.errors import StoreError
    from digest.store import open_store

    url = f"postgresql://digest:{password}@database/digest"
    (told,) = problems(SMALLEST, {"SMTP_PASSWORD": "x", "DIGEST_STORE_URL": url})
    assert "%40" in told
    assert "database/digest" not in told
    with pytest.raises(StoreError) as caught:
        open_store(url)
    for shown in (told, str(caught.value)):
        assert "digest:" not in shown.replace("digest: ", "")
        assert "w:rd" not in shown
        assert "://digest" not in shown


def test_an_encoded_password_is_taken_as_it_is_meant() -> None:
    url = "postgresql://digest:p%40ss%2Fw%3Ard@db1:5432,db2/digest?sslmode=verify-full"
    environ = {"SMTP_PASSWORD": "x", "DIGEST_STORE_URL": url}
    found = load_text(SMALLEST, path=Path("config.toml"), environ=environ)
    assert found.store.where == url


def test_the_environment_names_the_database_before_the_file() -> None:
    url = "postgresql://file@host/digest?sslmode=verify-full"
    secret = "postgres://a:sesame@other/digest"
    environ = {"SMTP_PASSWORD": "hush"}
    path = Path("config.toml")
    assert load_text(with_store(url), path=path, environ=environ).store.where == url
    environ["DIGEST_STORE_URL"] = secret
    settings = load_text(with_store(url), path=path, environ=environ)
    assert settings.store.where == secret
    assert "sesame" not in repr(settings)
    assert load_text(SMALLEST, path=path, environ={"SMTP_PASSWORD": "hush"}).store.where == Path(
        "digest.db"
    )


def test_the_smallest_config_works_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(SMALLEST, "utf-8")
    settings = load_settings(path, {"SMTP_PASSWORD": "hush"})
    assert settings.store.path == tmp_path / "digest.db"
    assert settings.subscribers[0].likes[2] == str(tmp_path / "library.bib")
    assert settings.schedule.time == time(7, 30)
    assert settings.schedule.weekdays == (0, 1, 2, 3, 4)
    assert settings.smtp[0].password.get_secret_value() == "hush"
    assert "hush" not in repr(settings)
    without = SMALLEST.partition("[store]")[0]
    assert load_text(without, path=path, environ={}).store.path == tmp_path / "digest.db"


def test_the_example_is_a_config_and_shows_every_key(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    load_text(text, path=tmp_path / "config.toml", environ={})
    (tmp_path / "my-templates").mkdir()
    (tmp_path / "feeds.opml").write_text("<opml/>")
    (tmp_path / "dkim.pem").write_text("a key")
    everything = uncommented(text)
    load_text(
        everything,
        path=tmp_path / "config.toml",
        environ={"SMTP_PASSWORD": "x", "INBOX_PASSWORD": "x"},
    )
    shown = {line.split("=")[0].strip(" #") for line in text.splitlines() if "=" in line}
    shown |= set(re.findall(r"[{,] (\w+) = ", text))
    headings = [line.lstrip("# ") for line in text.splitlines()]
    shown |= {h.split("]")[0].strip("[]").split(".")[-1] for h in headings if h.startswith("[")}
    for table in set(subclasses(Table)) - set(kinds().values()) - {ServiceKeys}:
        fields = {
            n
            for n, i in table.model_fields.items()
            if not i.exclude and not any(isinstance(m, FromEnvironment) for m in i.metadata)
        }
        missing = fields - shown
        assert not missing, f"{table.__name__}: {missing}"
        origins = (m for i in table.model_fields.values() for m in i.metadata)
        for origin in origins:
            if isinstance(origin, FromEnvironment):
                assert origin.variable in text, f"{table.__name__}: {origin.variable}"


def subclasses(table: type[Table]) -> Iterator[type[Table]]:
    for found in table.__subclasses__():
        if found.__module__.startswith("digest."):
            yield from (found, *subclasses(found))


@pytest.mark.parametrize("kind", list(kinds()))
def test_every_key_of_a_source_is_explained(kind: str) -> None:
    page = EXAMPLE.parent / "docs" / "sources" / f"{kind}.md"
    told = EXAMPLE.read_text("utf-8") + (page.read_text("utf-8") if page.exists() else "")
    assert f'kind = "{kind}"' in told
    for key in kinds()[kind].model_fields:
        assert re.search(rf"\b{key} = ", told), key


def test_the_defaults_the_example_names_are_the_defaults(tmp_path: Path) -> None:
    from digest.config.schema import Settings

    text = EXAMPLE.read_text("utf-8")
    top = text.split("[schedule]")[0]
    for line in top.splitlines():
        if line.startswith("# ") and " = " in line:
            key, value = tomllib.loads(line[2:].split(" #")[0]).popitem()
            assert Settings.model_fields[key].default == value, key


def uncommented(text: str) -> str:
    """The example with its commented keys in force, but for one of each two that exclude each
    other."""
    lines, skipping, in_inbox = [], False, False
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        if bare.startswith("["):
            skipping = bare.startswith(("[maildir]", "[channel]"))
            in_inbox = bare.startswith("[inbox]")
        is_key = " = " in bare and bare.split(" = ")[0].isidentifier()
        if skipping or (in_inbox and bare.startswith("maildir")):
            continue
        if line.startswith("# ") and (is_key or bare.startswith("[")) and "username" not in bare:
            line = bare
        if "password_file" in bare:
            continue
        lines.append(line)
    return "\n".join(lines)


def test_all_mistakes_are_told_at_once_with_place_and_remedy() -> None:
    found = problems(
        """
titel = "x"
length = "many"
[schedule]
timezone = "Berlin"
time = "25:00"
weekdays = ["funday"]
[[sources]]
kind = "rss"
[[sources]]
kind = "arxiv"
categorys = ["cs.CL"]
[[subscribers]]
email = "nope"
likes = [5]
author = ["x"]
[smtp]
host = "h"
security = "ssl"
sender = "x"
"""
    )
    told = "\n".join(found)
    for fragment in (
        'config.toml, titel: there is no such key; did you mean "title"?',
        'config.toml, length: must be a whole number (it is "many")',
        '[schedule], timezone: "Berlin" is not a time zone; did you mean "Europe/Berlin"?',
        "[schedule], time: '25:00' is not a time of day",
        '[schedule], weekdays no. 1: "funday" is not a weekday; use mon, tue',
        '[[sources]] no. 1, kind: "rss" is no kind of source; use one of "arxiv", "arxiv-query"',
        '[[sources]] no. 2, categorys: there is no such key; did you mean "categories"?',
        "[[sources]] no. 2, categories: is missing",
        '[[subscribers]] no. 1, email: "nope" is not a mail address',
        "[[subscribers]] no. 1, likes no. 1: must be an id, an address or a path",
        '[[subscribers]] no. 1, author: there is no such key; did you mean "authors"?',
        '[smtp], security: "ssl" is not possible; use "starttls", "tls" or "none"',
        '[smtp], sender: "x" is not a mail address',
    ):
        assert fragment in told
    assert len(found) == 13, told


def test_a_password_in_the_file_is_refused_and_never_shown() -> None:
    (told,) = problems(SMALLEST.replace('username = "ada"', 'password = "hunter2"'))
    assert "SMTP_PASSWORD" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "table",
    [
        'token = "hunter2"',
        '[web]\nsecret = "hunter2"',
        '[fetch]\napi_key = ["hunter2"]',
        '[lookup]\nopenalex_key = "hunter2"',
        '[inbox]\nhost = "x"\npassword = "hunter2"',
        '[mail.dkim]\nkey = "hunter2"',
    ],
)
def test_a_secret_under_any_name_is_never_shown(table: str) -> None:
    assert "hunter2" not in "".join(problems(f"{SMALLEST}\n{table}\n"))


def test_a_login_without_a_password_is_told_by_what_sends() -> None:
    settings = load_text(SMALLEST, path=Path("config.toml"), environ={})
    with pytest.raises(ConfigError, match="there is no password for it; set SMTP_PASSWORD"):
        App(settings).mail.transport()


def test_secrets_come_from_env_file_or_password_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(SMALLEST, "utf-8")
    (tmp_path / ".env").write_text("SMTP_PASSWORD=from-dotenv\n", "utf-8")
    settings = load_settings(path, {})
    assert settings.smtp[0].password.get_secret_value() == "from-dotenv"
    assert (
        load_settings(path, {"SMTP_PASSWORD": "real"}).smtp[0].password.get_secret_value() == "real"
    )
    (tmp_path / ".env").unlink()
    (tmp_path / "pw").write_text("from-file\n", "utf-8")
    path.write_text(SMALLEST.replace('username = "ada"', 'username = "ada"\npassword_file = "pw"'))
    assert load_settings(path, {}).smtp[0].password.get_secret_value() == "from-file"


def test_a_missing_file_and_broken_toml_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_settings(tmp_path / "none.toml", {})
    (told,) = problems("title = ")
    assert "this is not TOML" in told


def test_two_subscribers_of_one_address_and_two_ways_out_are_mistakes() -> None:
    twice = SMALLEST + '\n[[subscribers]]\nemail = "ADA@example.org"\n'
    assert any("two [[subscribers]]" in p for p in problems(twice, {"SMTP_PASSWORD": "x"}))
    both = SMALLEST + '\n[maildir]\npath = "m"\n'
    assert any("exclude each other" in p for p in problems(both, {"SMTP_PASSWORD": "x"}))


@pytest.mark.parametrize("field", ['title = "a\\nBcc: x"', 'title = ""'])
def test_a_title_cannot_break_a_header(field: str) -> None:
    assert problems(SMALLEST.replace('title = "Morning papers"', field), {"SMTP_PASSWORD": "x"})


def test_a_wrong_expression_is_told() -> None:
    text = SMALLEST.replace(
        'email = "ada@example.org"', 'email = "ada@example.org"\nmuted = ["/(/"]'
    )
    (problem,) = problems(text, {"SMTP_PASSWORD": "x"})
    assert "muted" in problem
    assert '"/(/" is no regular expression' in problem


@pytest.mark.parametrize(
    ("like", "said"),
    [
        ('{ zotero = "me" }', 'likes no. 1.zotero: "me" is no Zotero library; write "users/123"'),
        ('{ zotero = "users/1", colections = ["x"] }', 'did you mean "collections"?'),
        ("{ author = 5 }", "likes no. 1.author: must be text in quotes"),
        ('{ author = "x", refs = true }', "likes no. 1.refs: there is no such key"),
        ("{ recommendations = [] }", "likes no. 1.recommendations: must not be empty"),
        ('{ file = "x", kind = "docx" }', 'likes no. 1.kind: "docx" is not possible'),
        ('{ titel = "x" }', 'did you mean "title"?'),
        ("[1]", "likes no. 1: must be an id, an address or a path in quotes"),
    ],
)
def test_mistakes_in_likes_are_named_once_with_their_place(like: str, said: str) -> None:
    text = SMALLEST + f'\n[[subscribers]]\nemail = "eve@example.org"\nlikes = [{like}]\n'
    (told,) = problems(text, {"SMTP_PASSWORD": "x"})
    assert said.replace("no. 1,", "no. 2,") in told
    assert "[[subscribers]] no. 2" in told


def test_likes_of_every_form_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    text = SMALLEST + (
        '\n[[subscribers]]\nemail = "eve@example.org"\nlikes = [\n'
        '"zotero:users/1", { zotero = "z.sqlite" }, { author = "A5023888391" },\n'
        '{ recommendations = ["2405.01234"] }, { file = "x", kind = "page" } ]\n'
    )
    settings = load_text(text, path=path, environ={"SMTP_PASSWORD": "x"})
    likes = settings.subscribers[1].likes
    assert likes[0] == "zotero:users/1"
    assert likes[1].zotero == str(tmp_path / "z.sqlite")  # type: ignore[union-attr]
    assert likes[4].file == tmp_path / "x"  # type: ignore[union-attr]


def test_a_list_of_feeds_that_is_not_there_is_told(tmp_path: Path) -> None:
    text = SMALLEST + '\n[[sources]]\nkind = "opml"\npath = "gone.opml"\n'
    (told,) = problems(text, {"SMTP_PASSWORD": "x"})
    assert "there is no file gone.opml" in told


@pytest.mark.parametrize(
    ("zone", "place"),
    [
        ("CEST", "Europe/Berlin"),
        ("pdt", "America/Los_Angeles"),
        ("IST", "Asia/Kolkata"),
        ("MSKT", "Europe/Berlin"),
        ("UTC+2", "Europe/Berlin"),
        ("GMT -05:00", "Europe/Berlin"),
        ("+0530", "Europe/Berlin"),
    ],
)
def test_an_offset_is_no_time_zone_and_another_offset_is_no_advice(zone: str, place: str) -> None:
    """ "CEST" got: did you mean "EST"?, seven hours away."""
    with pytest.raises(ValueError, match="changes with the season") as caught:
        check_timezone(zone)
    assert f'"{place}"' in str(caught.value)


@pytest.mark.parametrize("name", ["subscribers", "sources", "groups"])
def test_one_bracket_in_place_of_two(name: str, tmp_path: Path) -> None:
    before, _, _ = SMALLEST.partition(f"[[{name}]]")
    text = f"{before}\n[{name}]\n"
    with pytest.raises(ConfigError) as caught:
        load_text(text, path=tmp_path / "config.toml", environ={})
    assert f"write [[{name}]], with two brackets" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("title = “x”\n", 'Write " in place of “.'),
        ("title = «x»\n", 'Write " in place of «.'),
        ("length = 3\nlength = 4\n", "It is there twice; keep one."),
        (
            '[store]\npath = "C:\\papers\\db"\n',
            r"In a path write / or \\ for \, or put it between '.",
        ),
    ],
)
def test_what_a_text_editor_makes_of_a_file_is_told_with_what_helps(
    text: str, advice: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(text, path=tmp_path / "config.toml", environ={})
    assert str(caught.value).endswith(advice)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
@pytest.mark.parametrize("name", ["config.toml", ".env"])
def test_another_encoding_is_told_with_its_line(encoding: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(SMALLEST, "utf-8")
    (tmp_path / name).write_bytes("A=1\nB=Bücher\n".encode(encoding))
    with pytest.raises(ConfigError, match=r"line [12] is not UTF-8\. Save the file as UTF-8"):
        load_settings(tmp_path / "config.toml", {})
