"""Random but valid cores for the tests of this folder."""

from random_parameters import parameters_for  # noqa: F401
