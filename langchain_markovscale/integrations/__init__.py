"""Addresses of version 0.1, so that users' files that name them go on working."""
