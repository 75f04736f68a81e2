"""The generator of market data, judged by what it writes."""
