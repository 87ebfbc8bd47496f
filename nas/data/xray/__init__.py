"""Chest X-rays with classes of studies and boxes: from tables and DICOM to arrays."""
