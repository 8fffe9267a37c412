"""Recording by the batch interfaces of model providers, at half the price."""
