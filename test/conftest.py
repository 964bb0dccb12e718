"""For all tests."""

import signal

# Started in the background by a shell, this process would ignore Ctrl-C, and so would those that
# the tests start and end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)
