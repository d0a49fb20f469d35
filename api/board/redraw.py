"""A part of a page, drawn again without a jump: what looks the same stays as it is in the browser.

A new tree of elements is drawn aside. Where a new element is like the old one in its place, it takes over the old one's
identity, and only what differs is sent: focus, scrolling, what is typed and what is open outlast it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nicegui import ui
from nicegui.outbox import deleted

# NiceGUI has no public way to exchange an element for another; everything of its inside that we touch is touched here.
# ruff: noqa: SLF001

KEY = "data-key"
"""The attribute that says which thing an element of a list is about; without it, its place does."""


def take_over(container: ui.element, fresh: ui.element, *, hold_order: bool) -> None:
    """What was drawn into `fresh` becomes the content of `container`. `hold_order`: things in lists stay in place."""
    slot = container.default_slot
    before = [one.id for one in slot.children]
    children = _matched(slot.children, fresh.default_slot.children, hold_order=hold_order)
    for child in children:
        child.parent_slot = slot
    slot.children[:] = children
    fresh.default_slot.children.clear()
    _forget(fresh)
    if [one.id for one in children] != before:
        container.update()


@contextmanager
def aside(container: ui.element) -> Iterator[ui.element]:
    """An element that is drawn into and not shown. What nobody has taken over in the end is gone."""
    with container:
        fresh = ui.element("div")
    container.default_slot.children.remove(fresh)
    try:
        yield fresh
    finally:
        if fresh.id in fresh.client.elements:
            fresh.client.remove_elements([*fresh.descendants(include_self=True)])


def _matched(old: Sequence[ui.element], new: Sequence[ui.element], *, hold_order: bool) -> list[ui.element]:
    known = dict(zip(_names(old), old, strict=True))
    found: dict[str, ui.element] = {}
    for name, element in zip(_names(new), new, strict=True):
        found[name] = element
        before = known.get(name)
        if before is not None and _alike(before, element):
            _become(element, before, hold_order=hold_order)
            del known[name]
    for name in [*known]:
        gone = known[name]
        gone.client.remove_elements([*gone.descendants(include_self=True)])
    if hold_order and all(KEY in one.props for one in (*old, *new)):  # a list of things, not the parts of one
        held = [name for name in _names(old) if name in found]
        return [found[name] for name in [*held, *(name for name in found if name not in set(held))]]
    return list(found.values())


def _names(elements: Sequence[ui.element]) -> list[str]:
    names: list[str] = []
    counts: dict[str, int] = {}
    for element in elements:
        key = element.props.get(KEY)
        name = f"{element.tag} {key}" if key is not None else f"{element.tag}#"
        counts[name] = counts.get(name, 0) + 1
        names.append(f"{name} {counts[name]}")
    return names


def _alike(old: ui.element, new: ui.element) -> bool:
    return type(old) is type(new) and old.slots.keys() == new.slots.keys() and _hears(old) == _hears(new)


def _hears(element: ui.element) -> list[tuple[str, str | None]]:
    return [(one.type, one.js_handler) for one in element._event_listeners.values()]


def _become(new: ui.element, old: ui.element, *, hold_order: bool) -> None:
    """`new` gets the id of `old` and those of its listeners; it is sent if it differs."""
    before = old._to_dict()
    for name, slot in new.slots.items():
        children = _matched(old.slots[name].children, slot.children, hold_order=hold_order)
        slot.children[:] = children
        old.slots[name].children.clear()
    _forget(new)
    new.id = old.id
    old._deleted = True
    listeners = {}
    for mine, its in zip(new._event_listeners.values(), old._event_listeners.values(), strict=True):
        mine.id, mine.element_id = its.id, its.element_id
        listeners[its.id] = mine
    new._event_listeners = listeners
    if isinstance(old, Kept) and isinstance(new, Kept):
        new.keep(old)
    client, pending = new.client, old.id in new.client.outbox.updates
    client.elements[new.id] = new
    if pending or new._to_dict() != before:
        client.outbox.enqueue_update(new)


def _forget(element: ui.element) -> None:
    """It was never shown under its own id."""
    client = element.client
    client.elements.pop(element.id, None)
    if client.outbox.updates.pop(element.id, None) is None:  # it has been sent already
        client.outbox.updates[element.id] = deleted


class Kept(ui.element):
    """An element with something of its own that outlasts a redraw, such as what was typed."""

    def keep(self, old: "Kept") -> None:
        """Take it from the element in whose place this one comes."""
        raise NotImplementedError
