"""Headers, geometry, series, rendering and archives of DICOM files, without a database.

Everything here treats its input as hostile: sizes, depths and counts have budgets, and each way a file
can be bad has a named error.
"""
