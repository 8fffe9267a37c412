"""The report of a calibration: whether revising pays, how sure that is, and why."""
