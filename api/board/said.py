"""What people have said of an alert, in words that the board and the plain pages share."""

from alerts.desk import Change
from telemetry.wording import later

SAID = {
    Change.ACKNOWLEDGED: later("{person} is on it"),
    Change.ASSIGNED: later("{person} gave it to {to}"),
    Change.COMMENTED: later("{person} wrote"),
    Change.RESOLVED: later("{person} has ended it"),
}
"""Of changes behind which a person stands."""
