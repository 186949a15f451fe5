"""One module a training stage: what is trained, on what, with which losses."""
