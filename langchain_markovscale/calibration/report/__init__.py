"""What a calibration says, for people: whether the loop pays, how sure that is, and why."""
