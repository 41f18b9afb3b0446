"""What can go wrong between us and an API server."""

from __future__ import annotations


class ApiFault(Exception):
    """The server answered with an error. `retry_after` in seconds, None if it named no time.

    `in_stream` tells that it came as an event of a watch that had begun well.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str = "",
        retry_after: float | None = None,
        *,
        in_stream: bool = False,
    ) -> None:
        super().__init__(f"{status} {reason}" + (f": {message}" if message else ""))
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        self.in_stream = in_stream

    @property
    def expired(self) -> bool:
        """The version that was asked for is not kept any more (Kubernetes: "410 Gone responses")."""
        return self.status == 410

    @property
    def too_large(self) -> bool:
        """The version that was asked for is one that this server has not reached."""
        return self.status == 504 or "Too large resource version" in str(self)

    @property
    def refused(self) -> bool:
        """Not served or not allowed: asking again soon changes nothing."""
        return self.status in {401, 403, 404, 405}


class Unreachable(Exception):
    """No answer: refused, reset, cut, silent, or not to be trusted (TLS)."""


class Silent(Unreachable):
    """A stream from which nothing came for a while: perhaps there was nothing to say, perhaps it is dead."""
