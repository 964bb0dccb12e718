"""Both sides of lessons from a hand, pilot and adaptation node, and their messages."""
