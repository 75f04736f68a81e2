"""The command line ``pinnacle-ctl``; ``main`` is its entry point."""
