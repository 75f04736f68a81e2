"""The machine: what is known of hardware, how this one is set up, and what should be changed."""
