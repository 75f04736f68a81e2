"""The commands of ``pinnacle-ctl``."""
