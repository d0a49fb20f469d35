"""The live view: shows one `View` after the other, and passes its keys on."""

from collections.abc import AsyncIterator
from typing import ClassVar, Protocol

from rich.console import RenderableType
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.events import Resize
from textual.geometry import Size
from textual.theme import Theme
from textual.widgets import Footer, Static

from caretaker.screen import alert_parts, parts
from caretaker.screen.view import Account, View

LARGE_ROWS, LARGE_COLUMNS = 32, 100
"""From this size on the figures are tall and the events have room."""
SCROLLBAR = 1
EVENTS_LARGE, EVENTS_SMALL = 6, 1
ALERTS_SMALL, ALERTS_LARGE, ALERTS_MOST = 3, 5, 11
"""Lines for the alerts; on a large screen half of what it has beyond `LARGE_ROWS` too."""

THEME = Theme(
    name="caretaker",
    primary=parts.CALM,
    secondary=parts.FAINT,
    accent=parts.CALM,
    success=parts.GOOD,
    warning=parts.DOUBT,
    error=parts.BAD,
    foreground=parts.INK,
    background="#11161b",
    surface="#11161b",
    panel="#171d24",
    variables={
        "footer-background": "#171d24",
        "footer-key-foreground": parts.CALM,
        "footer-description-foreground": parts.FAINT,
    },
)


class Controls(Protocol):
    """What the keys do. Each returns at once; what comes of it is seen on the screen."""

    def kill_ingestor(self) -> None:
        """`kill -9`."""

    def take_store_away(self) -> None:
        """For 20 seconds."""

    def play_incident(self) -> None:
        """The next of a leak, an odour, a gateway that is down."""

    def acknowledge(self) -> None:
        """The newest alert that nobody has."""

    def open_board(self) -> None:
        """In a browser."""


class LiveView(App[None]):
    """The screen."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "Caretaker"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "kill", "kill ingestor"),
        Binding("s", "store", "take store away"),
        Binding("i", "incident", "play incident"),
        Binding("a", "acknowledge", "acknowledge"),
        Binding("b", "board", "open board"),
        Binding("q", "quit", "quit"),
        Binding("ctrl+c", "quit", "quit", show=False, priority=True),
    ]
    CSS = """
    Screen { background: $background; padding: 0 1; }
    #title { height: 2; }
    Screen.large #title { margin-bottom: 1; }
    #headline, #proof, #pace, #alerts, #rejects, #happenings { height: auto; }
    #proof, #rejects, #happenings { text-wrap: nowrap; text-overflow: ellipsis; }
    #pace { margin: 1 0; }
    #alerts { margin-bottom: 1; }
    #sites { height: 1fr; scrollbar-size-vertical: 1; scrollbar-background: $background; scrollbar-color: #2a333c; }
    #sites Static { height: auto; }
    #bottom { height: auto; layout: vertical; }
    Screen.large #headline, Screen.large #proof { padding: 0 1; }
    Screen.large #proof { margin-top: 1; }
    Screen.large #pace, Screen.large #alerts, Screen.large #sites, Screen.large #bottom { padding: 0 1; }
    Screen.large #bottom { layout: horizontal; height: 8; border-top: solid #2a333c; padding: 1 1 0 1; }
    Screen.large #rejects { width: 1fr; }
    Screen.large #happenings { width: 3fr; }
    """

    def __init__(self, source: AsyncIterator[View], controls: Controls, place: str) -> None:
        """Show what `source` gives, of the deployment called `place`."""
        super().__init__()
        self.register_theme(THEME)
        self.theme = THEME.name
        self._source = source
        self._controls = controls
        self._place = place
        self._cells = Size(80, 24)
        self.view = View()

    def compose(self) -> ComposeResult:
        """The parts, from the top."""
        yield Static(id="title")
        yield Static(id="headline")
        yield Static(id="proof")
        yield Static(id="pace")
        yield Static(id="alerts")
        with VerticalScroll(id="sites"):
            yield Static(id="lines")
        with Horizontal(id="bottom"):
            yield Static(id="rejects")
            yield Static(id="happenings")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to follow the source."""
        self.run_worker(self._follow(), name="follow the source")

    def on_resize(self, event: Resize) -> None:
        """Fit the parts to the new size."""
        # The event's: at this moment `self.size` is still the old one.
        self._cells = event.size
        self.screen.set_class(self._large, "large")
        self._paint(layout=True)

    def action_acknowledge(self) -> None:
        """Key a."""
        self._controls.acknowledge()

    def action_board(self) -> None:
        """Key b."""
        self._controls.open_board()

    def action_kill(self) -> None:
        """Key k."""
        self._controls.kill_ingestor()

    def action_store(self) -> None:
        """Key s."""
        self._controls.take_store_away()

    def action_incident(self) -> None:
        """Key i."""
        self._controls.play_incident()

    @property
    def _large(self) -> bool:
        return self._cells.height >= LARGE_ROWS and self._cells.width >= LARGE_COLUMNS

    @property
    def _alert_rows(self) -> int:
        if not self._large:
            return ALERTS_SMALL
        return min(ALERTS_MOST, ALERTS_LARGE + (self._cells.height - LARGE_ROWS) // 2)

    async def _follow(self) -> None:
        async for view in self._source:
            # A new layout costs far more than new text, and is needed only where lines come or go.
            grown = _lines(view) != _lines(self.view)
            self.view = view
            self._paint(layout=grown)

    def _paint(self, *, layout: bool) -> None:
        large = self._large
        width = self._cells.width - (4 if large else 2)
        rows = EVENTS_LARGE if large else EVENTS_SMALL + (self.view.fill is not None)
        content: dict[str, RenderableType] = {
            "title": parts.title(self.view, self._place, width),
            "headline": parts.headline(self.view, large=large),
            "proof": parts.proof(self.view, width),
            "pace": parts.pace(self.view, width),
            "alerts": alert_parts.alerts(self.view, width, self._alert_rows),
            "lines": parts.sites(self.view, width - SCROLLBAR),
            "rejects": parts.rejects(self.view, EVENTS_LARGE if large else 1),
            "happenings": parts.happenings(self.view, rows),
        }
        for part, renderable in content.items():
            self.query_one(f"#{part}", Static).update(renderable, layout=layout)


def _lines(view: View) -> tuple[int, ...]:
    account = view.account or Account()
    return (
        len(view.sites),
        len(view.alerts.lines),
        len(view.alerts.resolved),
        len(account.rejects),
        len(view.stories),
        view.fill is not None,
        account.trouble is not None,
    )
