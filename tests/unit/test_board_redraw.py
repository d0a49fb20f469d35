"""Drawing again without a jump."""

import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from nicegui import Client, ui
from nicegui.page import page as nicegui_page

from api.board import parts
from api.board.quick import expects_arguments
from api.board.redraw import KEY, aside, take_over
from tests.unit.board_ground import Site, opened

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("running")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Site]:
    async with opened(lambda _: 0) as found:
        yield found


def container() -> parts.Tag:
    """On a page of its own; to be called within a test, for NiceGUI knows by its task where it draws."""
    with Client(nicegui_page("")):
        return parts.tag("div")


def shown(element: ui.element) -> list[Any]:
    """A tree as text, ids with it."""
    return [(one.id, one.tag, one._text, shown(one)) for one in element]


def again(into: ui.element, build: Callable[[], object], *, hold_order: bool = False) -> None:
    with aside(into) as fresh:
        with fresh:
            build()
        take_over(into, fresh, hold_order=hold_order)


def items(*names: str) -> Callable[[], None]:
    def build() -> None:
        with parts.tag("ul"):
            for name in names:
                with parts.tag("li", data_key=name):
                    parts.tag("span", name)

    return build


@pytest.mark.parametrize("trouble", [None, ZeroDivisionError])
async def test_what_nobody_takes_over_is_gone(trouble: type[Exception] | None) -> None:
    drawn = container()
    again(drawn, items("a"))
    before, known = shown(drawn), {*drawn.client.elements}
    with contextlib.suppress(ZeroDivisionError), aside(drawn) as fresh, fresh:
        items("b", "c")()
        if trouble is not None:
            raise trouble
    assert (shown(drawn), {*drawn.client.elements}) == (before, known)


async def test_what_looks_the_same_is_not_sent_again() -> None:
    drawn = container()
    again(drawn, items("a", "b"))
    before, count = shown(drawn), len(drawn.client.elements)
    drawn.client.outbox.updates.clear()
    again(drawn, items("a", "b"))
    assert shown(drawn) == before
    sent = {id_ for id_, one in drawn.client.outbox.updates.items() if isinstance(one, ui.element)}
    assert sent <= {drawn.id}
    assert len(drawn.client.elements) == count, "nothing is left behind"


async def test_only_what_differs_is_sent() -> None:
    drawn = container()

    def build(text: str) -> None:
        with parts.tag("p"):
            parts.tag("span", "the same")
            parts.tag("span", text)

    again(drawn, lambda: build("12 ppm"))
    ids = [one.id for one in drawn.descendants()]
    drawn.client.outbox.updates.clear()
    again(drawn, lambda: build("13 ppm"))
    assert [one.id for one in drawn.descendants()] == ids
    sent = [one._text for one in drawn.client.outbox.updates.values() if isinstance(one, parts.Tag)]
    assert "13 ppm" in sent
    assert "the same" not in sent


async def test_things_keep_their_place_while_somebody_points_at_them() -> None:
    drawn = container()
    again(drawn, items("a", "b", "c"))

    def order() -> list[str]:
        (listing,) = drawn
        return [str(one.props[KEY]) for one in listing]

    again(drawn, items("d", "c", "a"), hold_order=True)
    assert order() == ["a", "c", "d"], "what has gone goes, what is new comes last"
    again(drawn, items("d", "c", "a"))
    assert order() == ["d", "c", "a"]


async def test_what_is_no_list_stands_as_it_is_drawn() -> None:
    drawn = container()

    def build(first: str) -> None:
        parts.tag("div", data_key=first)
        parts.tag("h3", "Then")

    again(drawn, lambda: build("clean"))
    again(drawn, lambda: build("help"), hold_order=True)
    assert [one.tag for one in drawn] == ["div", "h3"]


async def test_a_click_reaches_what_was_drawn_last() -> None:
    drawn = container()
    clicked: list[int] = []
    for number in (1, 2):
        again(drawn, partial(parts.button, "Do it", partial(clicked.append, number)))
    (button,) = drawn
    (listener,) = button._event_listeners.values()
    drawn.client.handle_event({"id": button.id, "listener_id": listener.id, "args": []})
    assert clicked == [2]


async def test_what_was_typed_outlasts_a_redraw() -> None:
    drawn = container()
    fields: list[parts.Field] = []
    again(drawn, lambda: fields.append(parts.field("Comment")))
    fields[0].value = "I am on my w"
    for _ in range(2):
        again(drawn, lambda: fields.append(parts.field("Comment")))
    assert [one.value for one in fields] == ["I am on my w"] * 3
    fields[0].value = "I am on my way"
    assert fields[2].value == "I am on my way"
    assert drawn.client.elements[fields[2].id] is fields[2]


async def test_what_takes_arguments_is_remembered_and_right() -> None:
    class Handler:
        def none(self) -> None: ...

        def one(self, _: object) -> None: ...

        def maybe(self, _: object = None) -> None: ...

    handler = Handler()
    given = (handler.none, handler.one, handler.maybe, lambda: None, lambda _: None)
    for _ in range(2):
        assert [expects_arguments(one) for one in given] == [False, True, False, False, True]
