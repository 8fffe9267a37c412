"""Taking questions through a loop, and keeping what it wrote, scored and labelled."""
