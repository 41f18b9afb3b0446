"""*root* - says in which folder relative names of files begin.

Description

The files that plugins of the server block name (weights of *loadbalance*, manifests of *kubernetes*, and so
on) are looked for below PATH unless their names are absolute. PATH itself, if relative, begins at the folder
of the Corefile. Without *root*, *kubernetes* looks for its files beside the Corefile, other plugins in the
working directory.

A PATH that does not exist (yet) is a warning.

Syntax

~~~
root PATH
~~~

Examples

~~~ corefile
. {
    root examples
    kubernetes cluster.local {
        manifests .
    }
}
~~~

See also

CoreDNS's *root*, whose syntax this is. There a relative PATH begins at the working directory.
"""

from __future__ import annotations

from pathlib import Path

from kdns.corefile.block import Directive
from kdns.site import Site

REPEATABLE = True
"""The last line counts (as in CoreDNS)."""


def setup(directive: Directive, site: Site) -> None:
    """Takes a folder; leaves `site.root`. It comes first of all plugins, so the others find it."""
    for line in directive.every:
        line.no_block()
        line.arguments(1, 1, "root PATH")
    last = directive.every[-1]
    site.root = Path(last.file).parent / last.args[0]
    _check(last, site.root, site)


def _check(line: Directive, root: Path, site: Site) -> None:
    path = line.args[0]
    try:
        there = root.stat() is not None
    except FileNotFoundError:
        there = False
    except OSError as error:
        raise line.error(f"the folder '{path}' cannot be used: {error.strerror or error}", 0) from None
    if not there:
        site.build.warnings.append(str(line.error(f"the folder '{path}' does not exist", 0)))
    elif not root.is_dir():
        raise line.error(f"'{path}' is no folder", 0)
