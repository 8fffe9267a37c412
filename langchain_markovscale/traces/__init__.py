"""What was recorded of a loop, and how it is read from files, tables and other people's records."""
