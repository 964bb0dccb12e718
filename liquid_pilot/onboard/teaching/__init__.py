"""What a pilot learns in flight from the hand of a human who takes over."""
