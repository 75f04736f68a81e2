"""Trading as the control plane sees it: configuration, the control segment's half, readings."""
