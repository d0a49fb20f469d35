"""Which branches of the routing tree an alert takes, and which group it joins there."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from alerts.dispatch.routing import Route
from alerts.labels import match


def branches(route: Route, labels: Mapping[str, str]) -> tuple[Route, ...]:
    """The branches that an alert with these labels goes to, in their order; `route` itself where none of its own match.

    At each fork the first branch that matches, and those after it for as long as they say `go_on`.
    """
    found: list[Route] = []
    for branch in route.routes:
        if match(branch.match, labels):
            found += branches(branch, labels)
            if not branch.go_on:
                break
    return tuple(found) or (route,)


def shared_labels(route: Route, labels: Mapping[str, str]) -> Mapping[str, str]:
    """What the alerts of a group have in common: the labels of the route's `group_by`."""
    return {name: labels.get(name, "") for name in route.group_by}


def group_key(route: Route, shared: Mapping[str, str]) -> str:
    """The group's name. The same for the same branch and labels, however the file around it changes."""
    return f"{route.name} {msgspec.json.encode(shared, order='sorted').decode()}"


def covers(earlier: Mapping[str, str], later: Mapping[str, str]) -> bool:
    """Whether everything that matches `later` matches `earlier` too. Where it can't be told: no."""
    return all(
        label in later and all(_within(piece, pattern) for piece in later[label].split("|"))
        for label, pattern in earlier.items()
        if pattern != "*"
    )


def _within(piece: str, pattern: str) -> bool:
    return any(piece == one or (fnmatchcase(piece, one) and not _narrow(one)) for one in pattern.split("|"))


def _narrow(pattern: str) -> bool:
    """Whether it has more to it than letters and `*`: then a piece with `*` fits it as a text, and not as a pattern."""
    return "?" in pattern or "[" in pattern
