"""Put a guard between a controller of your own and a vehicle.

Shows: what the guard lets through, how it bounds and smooths commands, and what it answers to NaN,
to silence and to a stop. It reads no clock: every time is an argument.
Run:   python examples/guard_by_hand.py
"""

import math

import liquid_pilot as lp

limits = lp.VehicleLimits(
    maximum=(2.5, 1.5, 1.0, 1.5),  # forward, left, up in m/s, yaw rate in rad/s
    slew=(8.0, 8.0, 8.0, 10.0),  # the same per second
    command_timeout_s=0.5,
)
guard = lp.Guard(limits)


def send(now_s, forward_m_s):
    """Offer one command to the guard and print what leaves for the vehicle."""
    command = lp.Command(round(now_s * 1e9), forward_m_s, 0.0, 0.0, 0.0)
    show(now_s, f'{forward_m_s} m/s', guard.accept(command, now_s))


def show(now_s, offered, decision):
    """Print one decision."""
    forward = decision.command.forward_m_s
    print(f'{now_s:4.2f} s  {offered:9} -> {forward:4.2f} m/s  {decision.state}  {decision.reason}')


send(0.00, 2.0)  # nothing passes before the guard is engaged
print(guard.engage(0.0)[1])
for tick in range(1, 6):
    send(0.05 * tick, 9.0)  # bounded to 2.5 m/s, and no faster there than 8 m/s per second
send(0.30, math.nan)
send(0.35, 2.0)  # the next good command recovers
show(0.90, 'silence', guard.check(0.90))
guard.stop(1.0)
send(1.05, 2.0)
