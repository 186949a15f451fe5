"""Bytes against detection accuracy: labelled pictures, detectors, COCO figures, and the report of them."""
