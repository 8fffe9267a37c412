"""The rule inside `create_agent`: final answers are verified, and revised while that pays."""
