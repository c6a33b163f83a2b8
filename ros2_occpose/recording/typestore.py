"""ROS messages without ROS: the types of rosbags, ours included."""
from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from ..resources import resource
from .messages import PACKAGE, Message

Detail: TypeAlias = Any      # of a field: nested tuples of rosbags


@cache
def typestore() -> Typestore:
    """All types of ROS 2 Jazzy and of this package, generated from msg/*.msg."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for path in sorted(resource('msg').glob('*.msg')):
        store.register(get_types_from_msg(path.read_text(), f'{PACKAGE}/msg/{path.stem}'))
    return store


def make(message_type: str, /, **fields: Message) -> Message:
    """A message of a type such as 'geometry_msgs/Point'; fields not given have their default."""
    full = full_name(message_type)
    for field, default in _defaults(full):
        if field not in fields:
            fields[field] = default()
    return typestore().types[full](**fields)


def full_name(message_type: str) -> str:
    """'geometry_msgs/Point' as bags write it."""
    package, _, name = message_type.partition('/')
    return f'{package}/msg/{name}'


def serialise(message: Message) -> bytes:
    """The CDR bytes of a message."""
    return bytes(typestore().serialize_cdr(message, message.__msgtype__))


@cache
def _defaults(full: str) -> list[tuple[str, Callable[[], object]]]:
    """(field, factory of its default) of a type; the same defaults as ROS."""
    _, fields = typestore().fielddefs[full]
    return [(name, _default(kind, detail)) for name, (kind, detail) in fields]


def _default(kind: Nodetype, detail: Detail) -> Callable[[], object]:
    if kind is Nodetype.NAME:
        return lambda: make(detail.replace('/msg/', '/'))
    if kind is Nodetype.BASE:
        return lambda: {'string': '', 'bool': False}.get(detail[0], 0)
    (inner, inner_detail), length = detail
    if kind is Nodetype.ARRAY and inner is Nodetype.BASE:
        return lambda: np.zeros(length, inner_detail[0])
    if inner is Nodetype.BASE and inner_detail[0] != 'string':
        return lambda: np.zeros(0, inner_detail[0])
    return list
