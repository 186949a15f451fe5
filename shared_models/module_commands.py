"""The command line of a module that is run with `python -m`: recipes and reports, which are no verbs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from shared_models.errors import SlimstreamError


@contextmanager
def told_in_a_sentence() -> Iterator[None]:
    """Leave with one sentence on stderr and the exit code of the error, where a user was mistaken."""
    try:
        yield
    except SlimstreamError as error:
        sentence, code = str(error), error.exit_code
    except OSError as error:
        if error.filename is None:
            raise
        sentence, code = f"{error.filename}: {error.strerror}", 2
    else:
        return
    sys.stderr.write(f"error: {sentence}\n")
    sys.exit(code)
