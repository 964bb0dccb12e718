"""Commands that show what happens inside a pilot."""
