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
        """The version that was asked for is one that this server has not reached.

        The message tells: other answers are 504 as well, those of load balancers above all.
        """
        return "Too large resource version" in str(self)

    @property
    def refused(self) -> bool:
        """Not served or not allowed: asking again soon changes nothing. (401 is about us, not about the resource.)"""
        return self.status in {403, 404, 405}


class Unreachable(Exception):
    """No answer, or none to its end: refused, reset, cut, silent, not to be trusted (TLS), not to be read.

    `away` tells that none had begun: perhaps the server is not there at all.
    """

    def __init__(self, text: str, *, away: bool = False) -> None:
        super().__init__(text)
        self.away = away


class Silent(Unreachable):
    """A stream from which nothing came for a while: perhaps there was nothing to say, perhaps it is dead."""
