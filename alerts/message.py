"""What people are told, put into words. Pure: the same notice gives the same message."""

TEMPLATE_FIELDS = frozenset(
    {"rule", "severity", "metric", "value", "threshold", "device", "site", "area", "since", "reading_time"}
)
"""What a rule's message may name in braces, as in `{device}: {value}, above {threshold}`. Values come with their unit,
times in the site's time zone; what is not known is empty."""
