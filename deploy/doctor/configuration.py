"""Whether the configuration can be read as the services read it.

Where the registry or the settings can't be read, the examination does not begin: see `survey`.
"""

from collections.abc import Sequence

from alerts.dispatch.load import load_routing
from alerts.rules.load import load_rules
from deploy.doctor.finding import Remark, sound, wrong
from deploy.doctor.place import Ground
from telemetry.document import DocumentError

SHOWN = 5


async def look(ground: Ground) -> Sequence[Remark]:
    """Rules and routes, beside the registry."""
    try:
        rules = load_rules(ground.config, ground.registry)
        load_routing(ground.config, ground.registry, rules)
    except DocumentError as error:
        return problems(error)
    registry = ground.registry
    return [
        sound(
            str(ground.config),
            f"{len(registry.sites)} sites, {len(registry.devices)} devices, {len(rules.rules)} rules, all readable",
        )
    ]


def problems(error: DocumentError) -> list[Remark]:
    """The first of what is wrong, by file and line."""
    return [
        wrong(
            f"{problem.file}:{problem.line}" if problem.line else problem.file,
            f"{problem.field}: {problem.found}".removeprefix(": "),
            f"expected {problem.expected}; `caretaker check DIR` shows everything at once",
        )
        for problem in error.problems[:SHOWN]
    ]
