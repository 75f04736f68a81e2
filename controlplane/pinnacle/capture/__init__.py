"""Making captures: ``pinnacle.capture.generate``."""
