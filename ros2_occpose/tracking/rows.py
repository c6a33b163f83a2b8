"""Several arrays with a common first axis, taken apart and put together as one."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Base of dataclasses whose fields are arrays (N, ...)."""

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.__dataclass_fields__))))

    def __getitem__(self, rows: NDArray[Any]) -> Self:
        return self._build(lambda name: getattr(self, name)[rows])

    def __add__(self, other: Self) -> Self:
        return self._build(lambda name: np.concatenate([getattr(self, name),
                                                        getattr(other, name)]))

    def with_rows(self, rows: NDArray[Any], other: Self) -> Self:
        """The same with `rows` replaced by those of `other`."""
        def replaced(name: str) -> NDArray[Any]:
            array: NDArray[Any] = getattr(self, name).copy()
            array[rows] = getattr(other, name)
            return array

        return self._build(replaced)

    def _build(self, value: Callable[[str], NDArray[Any]]) -> Self:
        return type(self)(**{name: value(name) for name in self.__dataclass_fields__})
