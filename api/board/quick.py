"""Elements that are made faster: a page that is drawn again every other second makes hundreds."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from nicegui import helpers

_thorough = helpers.expects_arguments
_known: WeakKeyDictionary[Callable[..., Any], bool] = WeakKeyDictionary()


def install() -> None:
    """NiceGUI asks three times an element, by inspecting its signature, whether a method of its own takes arguments.

    That is half of what an element costs, and the answer is the same for every element: it is remembered by method.
    """
    helpers.expects_arguments = expects_arguments


def expects_arguments(func: Callable[..., Any]) -> bool:
    """As NiceGUI's own."""
    function = getattr(func, "__func__", None)
    if function is None:
        return _thorough(func)
    if function not in _known:
        _known[function] = _thorough(func)
    return _known[function]
