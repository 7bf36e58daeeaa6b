"""The minimum of a function that is dear to evaluate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dosmith.errors import NotFoundError


def minimum(function: Callable[[float], float], start: float, step: float) -> tuple[float, float]:
    """The place and value of the minimum next to `start`: walk downhill, then a parabola through the lowest three.

    The function is evaluated last at the place returned.

    Raises:
        NotFoundError: none within 20 steps.
    """
    places = [start - step, start, start + step]
    values = [function(place) for place in places]
    while (lowest := int(np.argmin(values))) in (0, len(places) - 1):
        if len(places) > 20:
            raise NotFoundError("there is no volume of lowest energy near the given one")
        side = 0 if lowest == 0 else len(places)
        place = places[0] - step if lowest == 0 else places[-1] + step
        places.insert(side, place)
        values.insert(side, function(place))
    below, here, above = values[lowest - 1 : lowest + 2]
    place = places[lowest] - 0.5 * step * (above - below) / (above - 2 * here + below)
    return place, function(place)
