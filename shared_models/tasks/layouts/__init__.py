"""How the outputs of detectors, classifiers and segmenters are to be read, one layout a file."""
