"""What starts `digest run` every day on this machine: a systemd user timer, launchd, Windows' task
scheduler, or else a line for cron."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from xml.sax.saxutils import escape

from digest.errors import DigestError
from digest.fields import WEEKDAYS

NAME = "digest-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A way to have `digest run` started."""

    #: what it is, as people call it
    kind: str
    #: files that it is made of
    files: tuple[tuple[Path, str], ...] = ()
    #: that put it in force, and that take it away
    start: tuple[tuple[str, ...], ...] = ()
    stop: tuple[tuple[str, ...], ...] = ()
    #: what a person has to do instead
    by_hand: str = ""


def timer_for(
    platform: str,
    *,
    home: Path,
    folder: Path,
    config: Path,
    at: time,
    weekdays: Sequence[int],
    python: str = sys.executable,
    has_systemd: bool = True,
) -> Timer:
    """The timer of a system.

    Args:
        platform: as `sys.platform` names it.
        folder: where it runs, so that relative paths hold.
        at: local time.
    """
    command = (python, "-m", "digest", "run", "--config", str(config))
    if platform == "darwin":
        return _launchd(home, folder, command, at, weekdays)
    if platform == "win32":
        return _task(command, at, weekdays)
    if has_systemd:
        return _systemd(home, folder, command, at, weekdays)
    days = ",".join(WEEKDAYS[d] for d in weekdays) if len(weekdays) < len(WEEKDAYS) else "*"
    line = (
        f"{at.minute} {at.hour} * * {days} cd {shlex.quote(str(folder))} && {shlex.join(command)}"
    )
    return Timer(kind="cron", by_hand=f"Add this line by `crontab -e`:\n  {line}")


def _systemd(
    home: Path, folder: Path, command: Sequence[str], at: time, weekdays: Sequence[int]
) -> Timer:
    units = home / ".config" / "systemd" / "user"
    days = ",".join(WEEKDAYS[d].capitalize() for d in weekdays)
    quoted = " ".join(_unit_quoted(c) for c in command)
    service = (
        f"[Unit]\nDescription=Daily paper digest\nWants=network-online.target\n\n[Service]\n"
        f"Type=oneshot\nWorkingDirectory={str(folder).replace('%', '%%')}\nExecStart={quoted}\n"
    )
    timer = (
        f"[Unit]\nDescription=Daily paper digest\n\n[Timer]\nOnCalendar={days} {at:%H:%M}\n"
        # a machine that was off then runs it when it is on again
        "Persistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )
    user = getpass.getuser()
    return Timer(
        kind="a timer of systemd",
        files=((units / f"{NAME}.service", service), (units / f"{NAME}.timer", timer)),
        start=(
            ("systemctl", "--user", "daemon-reload"),
            ("systemctl", "--user", "enable", "--now", f"{NAME}.timer"),
            # or it ends when its user logs out
            ("loginctl", "enable-linger", user),
        ),
        stop=(
            ("systemctl", "--user", "disable", "--now", f"{NAME}.timer"),
            ("systemctl", "--user", "daemon-reload"),
        ),
    )


def _unit_quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _launchd(
    home: Path, folder: Path, command: Sequence[str], at: time, weekdays: Sequence[int]
) -> Timer:
    label = "org.preprint-digest.run"
    path = home / "Library" / "LaunchAgents" / f"{label}.plist"
    words = "".join(f"    <string>{escape(c)}</string>\n" for c in command)
    when = "".join(
        f"    <dict><key>Weekday</key><integer>{d + 1}</integer><key>Hour</key>"
        f"<integer>{at.hour}</integer><key>Minute</key><integer>{at.minute}</integer></dict>\n"
        for d in weekdays
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" '
        '"http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'
        f'<plist version="1.0">\n<dict>\n  <key>Label</key><string>{label}</string>\n'
        f"  <key>ProgramArguments</key>\n  <array>\n{words}  </array>\n"
        f"  <key>WorkingDirectory</key><string>{escape(str(folder))}</string>\n"
        f"  <key>StartCalendarInterval</key>\n  <array>\n{when}  </array>\n</dict>\n</plist>\n"
    )
    return Timer(
        kind="a launch agent",
        files=((path, text),),
        start=(("launchctl", "load", "-w", str(path)),),
        stop=(("launchctl", "unload", "-w", str(path)),),
    )


def _task(command: Sequence[str], at: time, weekdays: Sequence[int]) -> Timer:
    days = ",".join(WEEKDAYS[d].upper() for d in weekdays)
    line = subprocess.list2cmdline(command)
    return Timer(
        kind="a scheduled task",
        start=(
            (
                *("schtasks", "/Create", "/F", "/TN", NAME, "/TR", line),
                *("/SC", "WEEKLY", "/D", days, "/ST", f"{at:%H:%M}"),
            ),
        ),
        stop=(("schtasks", "/Delete", "/F", "/TN", NAME),),
    )


def has_systemd() -> bool:
    """Whether a user's own systemd answers here."""
    return bool(shutil.which("systemctl")) and bool(os.environ.get("XDG_RUNTIME_DIR"))


def install(timer: Timer) -> None:
    """Write its files and put it in force.

    Raises:
        DigestError: a file cannot be written, or a command of the system says no.
    """
    for path, text in timer.files:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        except OSError as error:
            raise DigestError(f"{path} cannot be written: {error.strerror}.") from error
    for command in timer.start:
        _run(command)


def remove(timer: Timer) -> None:
    """Take it away again.

    Raises:
        DigestError: a command of the system says no.
    """
    for command in timer.stop:
        _run(command)
    for path, _ in timer.files:
        path.unlink(missing_ok=True)


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DigestError(f"{shlex.join(command)} does not work here: {error}.") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        why = said[-1] if said else f"exit code {done.returncode}"
        raise DigestError(f"{shlex.join(command)}: {why}")
