"""Settings for all tests: a busy core must not fail a property, and two runs try the same examples."""

from hypothesis import settings

settings.register_profile("slimstream", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("slimstream")
