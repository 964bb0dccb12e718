"""`python -m liquid_pilot.cli`: the same as the command `liquid-pilot`."""

import sys

from liquid_pilot.cli.main import main

sys.exit(main())
