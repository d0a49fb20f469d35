"""What goes wrong, as people and programs are told: problem details (RFC 9457)."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str
    """The status in words."""
    status: int
    detail: str
    """What was found, and what to do."""
    errors: Sequence["Fault"] = ()
    """Of a request that was not understood: each part of it that was wrong."""


class Fault(BaseModel):
    """One wrong part of a request."""

    model_config = ConfigDict(frozen=True)

    where: str
    """As in `query.limit` or `body.values.nh3_ppm`."""
    detail: str


class ApiError(Exception):
    """A request that can't be answered as asked. Its text is shown: never a secret."""

    status = 500
    title = "Internal error"
    headers: Mapping[str, str] = {}


class BadRequestError(ApiError):
    """Not a request that can be understood."""

    status, title = 400, "Not understood"


class UnauthorizedError(ApiError):
    """Nobody has said who asks, or a key that is not known."""

    status, title = 401, "Not signed in"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class ForbiddenError(ApiError):
    """The caller may not."""

    status, title = 403, "Not allowed"


class NotFoundError(ApiError):
    """There is none, or it is at a site of others."""

    status, title = 404, "Not found"


class ConflictError(ApiError):
    """As things stand, it can't be done."""

    status, title = 409, "Not possible now"


class TooLargeError(ApiError):
    """A body, a header or a path beyond the limit."""

    status, title = 413, "Too large"


class PathTooLongError(ApiError):
    """Path and query together."""

    status, title = 414, "Address too long"


class MisdirectedError(ApiError):
    """Sent to a name that is not ours."""

    status, title = 421, "Not for this server"


class UnprocessableError(ApiError):
    """Well formed, and still without sense: a range that ends before it begins, more points than are given out."""

    status, title = 422, "Makes no sense"


class TooManyError(ApiError):
    """More requests than the caller is allowed for now."""

    status, title = 429, "Too many requests"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after_s)}


class HeadersTooLargeError(ApiError):
    """All of them together."""

    status, title = 431, "Headers too large"


class AwayError(ApiError):
    """Something behind us does not answer just now: store, alert database, ingestor, broker."""

    status, title = 503, "Away"

    def __init__(self, detail: str, retry_after_s: int = 5) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_after_s)}


def problem_of(error: ApiError) -> Problem:
    """As it is sent."""
    return Problem(title=error.title, status=error.status, detail=str(error))
