"""Says what is wrong with manifests: in the log once, in the metrics as long as it lasts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from kdns.errors import ManifestError
from kdns.kube.document import Problem
from kdns.log import logger
from kdns.metrics import Metrics

_MOST = 20
"""Lines that one file gets at a time; the rest is counted."""
_log = logger("kubernetes")


class Broken:
    """Remembers what it has said."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._errors: dict[str, frozenset[str]] = {}
        self._problems: frozenset[str] = frozenset()

    def tell(self, errors: Iterable[ManifestError], problems: Iterable[Problem]) -> None:
        """Take all that is wrong now; log what was not wrong before, and files that are well again."""
        by_file: defaultdict[str, list[ManifestError]] = defaultdict(list)
        for error in errors:
            by_file[error.file].append(error)
        for file, found in by_file.items():
            self._tell_of(file, found)
        for file in self._errors.keys() - by_file.keys():
            _log.info("%s: no errors any more", file)
            self._metrics.manifest_broken.remove(file)
        self._errors = {file: frozenset(map(str, found)) for file, found in by_file.items()}
        self._tell_problems(problems)

    def _tell_of(self, file: str, errors: list[ManifestError]) -> None:
        told = self._errors.get(file, frozenset())
        new = [error for error in errors if str(error) not in told]
        for error in new[:_MOST]:
            _log.error("%s", error)
        if new[_MOST:]:
            _log.error("%s: %d more errors", file, len(new) - _MOST)
        self._metrics.manifest_errors.inc(len(new))
        self._metrics.manifest_broken.labels(file).set(len({error.document for error in errors}))

    def _tell_problems(self, problems: Iterable[Problem]) -> None:
        lines = dict.fromkeys(map(str, problems))
        for line in lines:
            if line not in self._problems:
                _log.warning("%s", line)
        self._problems = frozenset(lines)
