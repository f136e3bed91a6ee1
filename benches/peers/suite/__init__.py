"""Measures load tools side by side: see benches/peers/README.md."""
