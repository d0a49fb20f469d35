"""What can be wrong with the alert database."""


class DatabaseUnusableError(Exception):
    """The file can't be used as it is; the message says why and what to do."""


class EngineRunningError(Exception):
    """Another engine judges with this database. There is one at a time."""


class DatabaseAwayError(Exception):
    """The disk is full or gives errors, or somebody holds the file. Nothing was kept; trying again later may help."""


class SecondActiveAlertError(Exception):
    """A batch has an alert of a rule and device that have an active one already. Nothing of the batch was kept."""


class NoAlertsError(Exception):
    """There is no alert database yet; the message says how one comes to be."""
