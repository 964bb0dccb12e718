"""What a check of this machine says."""

from typing import NamedTuple

OK, WARN, FAIL = 'ok', 'warn', 'fail'


class Check(NamedTuple):
    """One line of the doctor's table."""

    name: str
    level: str
    """`ok`, `warn` (it flies, with less) or `fail`."""
    found: str
    advice: str = ''
