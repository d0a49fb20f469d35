"""Names in line protocol: measurements, tag values, field keys. What it cannot carry is refused, never changed."""

from telemetry.topics import ID

NAME_ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
MEASUREMENT_ESCAPES = str.maketrans({",": r"\,", " ": r"\ "})


def serialise_tags(device: str, site: str, rule: str) -> str:
    """The tags, in the order of their names, in which InfluxDB keeps them. An empty rule is no tag."""
    of_rule = f"rule={escape_name(rule)}," if rule else ""
    return f"device={escape_name(device)},{of_rule}site={escape_name(site)}"


def escape_name(name: str) -> str:
    """A tag value or a field key. Raises `ValueError` on one that line protocol cannot carry."""
    if ID.fullmatch(name):  # nearly all: ids of the registry need nothing
        return name
    _check_name(name)
    return name.translate(NAME_ESCAPES)


def escape_measurement(name: str) -> str:
    """A measurement. Raises `ValueError` on one that line protocol cannot carry."""
    _check_name(name)
    if name.startswith("#"):  # a comment: the store would drop the line without a word
        raise ValueError(f"a measurement cannot start with #: {name!r}")
    return name.translate(MEASUREMENT_ESCAPES)


def _check_name(name: str) -> None:
    # A backslash in a name has no escape of its own; the store reads it by what follows. A quote behind an escaped `=`
    # looks like the start of a text.
    if not name or "\\" in name or '"' in name or not name.isprintable():
        raise ValueError(f"a name that line protocol cannot carry: {name!r}")
