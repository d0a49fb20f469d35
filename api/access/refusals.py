"""Requests that are refused before anybody looks at what they ask for."""

from api.problem import ApiError


class BadRequestError(ApiError):
    """Not a request that can be understood."""

    status, title = 400, "Not understood"


class MisdirectedError(ApiError):
    """Sent to a name that is not ours."""

    status, title = 421, "Not for this server"


class PathTooLongError(ApiError):
    """Path and query together."""

    status, title = 414, "Address too long"


class HeadersTooLargeError(ApiError):
    """All of them together."""

    status, title = 431, "Headers too large"
