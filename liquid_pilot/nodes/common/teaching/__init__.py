"""What pilot and adaptation node say to each other about lessons from a hand."""
