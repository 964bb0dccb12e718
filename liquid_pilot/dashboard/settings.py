"""The settings of the dashboard: where it is served, how often it draws, how much it keeps."""

from __future__ import annotations

from dataclasses import dataclass

from liquid_pilot.utils.settings import setting

LOOPBACK = '127.0.0.1'
"""Address that only this machine reaches."""
PORT = 8470
"""TCP port unless another one is chosen."""
WATCH_ENDED = '`liquid-pilot watch` has ended'
"""What a page of this command says when it is served no more."""
NEXT_PORTS = 20
"""Number of ports that are tried where that one is taken."""


@dataclass(frozen=True)
class DashboardSettings:
    """Settings of the dashboard that its node and `liquid-pilot watch` have in common."""

    host: str = setting(
        LOOPBACK,
        'address that the page is served on; any but a loopback address needs token_file, and '
        'lets other machines see the flight (0.0.0.0: all interfaces)',
    )
    port: int = setting(
        PORT,
        f'TCP port that the page is served on; where {PORT} is taken, one of the next '
        f'{NEXT_PORTS}; 0: any that is free',
        low=0,
        high=65535,
    )
    token_file: str = setting(
        '',
        'file with the token (made, readable by its owner only, where it is missing) without which '
        'nothing is shown, and with which the page offers to stop the vehicle; empty: no token, '
        'and the page only shows',
    )
    rate_hz: float = setting(
        15.0, 'highest rate at which the page is drawn anew', 'Hz', low=1.0, high=60.0
    )
    history_s: float = setting(
        180.0, 'time that the page can go back to', 's', low=1.0, high=3600.0
    )
    history_mb: float = setting(
        64.0, 'most memory for what the page can go back to', 'MB', low=1.0, high=4096.0
    )
    max_viewers: int = setting(8, 'most pages that are open at the same time', low=1, high=100)
