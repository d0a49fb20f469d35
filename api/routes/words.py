"""What stands in paths and queries of several operations."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from api.queries.paging import CURSOR_CHARS, ITEMS_MOST

Id = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
"""Of a site, an area, a device, a rule."""
SiteInPath = Annotated[Id, Path(examples=["mong-kok-market"])]
DeviceInPath = Annotated[Id, Path(examples=["mk-odour-male"])]
RuleInPath = Annotated[Id, Path(examples=["odour"])]
AlertInPath = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", examples=["3f2a9c01b7d4e586"])]
SilenceInPath = Annotated[str, Path(pattern=r"^[0-9a-f]{8}$", examples=["5be0cd19"])]
MessageInPath = Annotated[int, Path(ge=1, le=2**53, examples=[17])]
SiteInQuery = Annotated[Id | None, Query(description="Only of this site.")]
AreaInQuery = Annotated[Id | None, Query(description="Only of this area of the site.")]
DeviceInQuery = Annotated[Id | None, Query(description="Only of this device.")]
RuleInQuery = Annotated[Id | None, Query(description="Only of this rule.")]
Limit = Annotated[int, Query(ge=1, le=ITEMS_MOST, description="At most so many items.")]
Cursor = Annotated[
    str | None, Query(max_length=CURSOR_CHARS, description="`next` of the page before; without it the first page.")
]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]
"""What somebody writes."""
