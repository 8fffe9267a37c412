"""What `markovscale demo` asks, how it checks the answers, and the rates measured for it."""
