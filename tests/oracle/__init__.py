"""The slow, obvious oracle: protocol facts and books written a second time, in plain Python."""
