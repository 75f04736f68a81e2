"""Configuration: one declarative schema (``schema``) and one loader (``loader``)."""
