"""How old the newest backup is."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from deploy.backup.archive import listed
from deploy.doctor.finding import Remark, left_out, sound, warning
from deploy.doctor.place import Ground
from deploy.layout import Form
from telemetry.reading import NS_PER_S

OLD_DAYS = 2.0
"""A backup a day, and one that failed."""


async def look(ground: Ground) -> Sequence[Remark]:
    """By the names of the files; what is in them is for `caretaker deploy restore`."""
    folder = ground.backups
    if folder is None:
        return [left_out("", "no folder of backups is known", "--backups DIR")]
    command = _command(ground, folder)
    found = listed(folder)
    if not found:
        return [warning(str(folder), "there is no backup", command)]
    newest = found[-1]
    now = datetime.fromtimestamp(ground.machine.now_ns() / NS_PER_S, UTC)
    age_days = (now - newest.moment).total_seconds() / 86_400
    if age_days > OLD_DAYS:
        return [warning(str(newest.file), f"the newest backup is {age_days:.0f} days old", command)]
    return [sound(str(newest.file), f"the newest of {len(found)} backups is {age_days * 24:.0f} hours old")]


def _command(ground: Ground, folder: Path) -> str:
    form = None if ground.layout is None else ground.layout.form
    if form is Form.COMPOSE:
        return "`./manage backup`, once a day"
    if form is Form.SYSTEMD:
        return "`systemctl enable --now caretaker-backup.timer`; why one failed: `journalctl -u caretaker-backup`"
    return f"`caretaker deploy backup --to {folder}`, once a day"
