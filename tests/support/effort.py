"""How hard random tests try: PINNACLE_LONG=1 asks for the long form, otherwise the short one."""

import os

from hypothesis import HealthCheck, settings

LONG = os.environ.get("PINNACLE_LONG") == "1"


def effort(short: int, long: int) -> int:
    """The number of seeds, messages or examples that this run tries."""
    return long if LONG else short


def quiet(short: int, long: int) -> settings:
    """Settings of a hypothesis test with so many examples and without limits on time."""
    return settings(
        max_examples=effort(short, long), deadline=None,
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip
