"""What commands print with --json fits the schema that `digest schema` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from digest import jobs
from digest.cli.documents import DOCUMENTS
from digest.cli.main import app
from tests.servers import Answer, rss
from tests.worlds import ADA, World, make_world, record


def printed(world: World, *command: str) -> str:
    found = CliRunner().invoke(app, [*command, "--config", str(world.config)])
    assert found.exit_code in (0, 1), found.output
    return found.stdout


@pytest.mark.parametrize("command", list(DOCUMENTS))
def test_a_document_fits_its_schema(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.channels.email.dns.check_sender", lambda *a, **k: ())
    with make_world(tmp_path) as world:
        stamp = "Wed, 20 May 2026 00:00:00 -0400"
        world.web.says("/rss/cs.CL+cs.LG", Answer(rss([record(1), record(2)], stamp)))
        world.smtp.refuse["eve@example.org"] = "550 5.1.1 no such user"
        eve = '[[subscribers]]\nemail = "eve@example.org"\nkeywords = ["x"]\n'
        world.write(subscribers=f"{ADA}\n{eve}")
        with world.app() as opened:
            jobs.run(opened)
        told = json.loads(printed(world, *command.split(), "--json"))
    schema = json.loads(CliRunner().invoke(app, ["schema", *command.split()]).stdout)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(told)
    assert ("eve@example.org" in json.dumps(told)) is (command != "check")


def test_a_command_without_a_document_is_told_which_have_one() -> None:
    asked = CliRunner().invoke(app, ["schema", "preview"])
    assert asked.exit_code == 2
    assert "subscribers list" in asked.output
    assert CliRunner().invoke(app, ["schema"]).stdout.split("\n")[:-1] == list(DOCUMENTS)
