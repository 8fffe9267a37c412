"""What a question alone says of its class, learned from traces."""
