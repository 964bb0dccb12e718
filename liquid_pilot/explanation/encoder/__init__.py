"""The encoder of a pilot in numpy, with exact derivatives; `encoder_layers` has the whole of it."""
