"""What to try with a peer: the cells of the matrix, with ids that stay the same whatever else is chosen.

An id is ``MODE/SUITES``, ``renegotiation/CASE`` or ``negative/CASE``, after ``listen/`` when the peer calls,
and before ``+TRANSPORT`` and ``+CODEC`` when those are not UDP and the endpoint's own list.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

from bot.document import did_you_mean
from bot.errors import ConfigError
from bot.interop.case import Case
from bot.interop.offers import NEGATIVE_ANSWERS, NEGATIVE_OFFERS
from bot.interop.renegotiation import BOTH_DIRECTIONS, RENEGOTIATIONS
from bot.model import CryptoSuite, SrtpMode, Transport

__all__ = ["Cell", "Group", "Plan", "Role", "cells_of", "chosen", "known_ids"]

ALL, REVERSED, FIRST = "all", "reversed", "-first"
TITLES = {ALL: "all suites", REVERSED: "all suites in reverse order"}
LONGEST_NAME = 64


class Group(StrEnum):
    """The part of the matrix."""

    BASE = "base"
    RENEGOTIATION = "renegotiation"
    NEGATIVE = "negative"


class Role(StrEnum):
    """Who calls."""

    CALLER = "caller"
    LISTENER = "listener"


@dataclass(frozen=True)
class Cell:
    """One call, or two: how this endpoint is set up, and what it does."""

    id: str
    title: str
    group: Group
    role: Role
    mode: SrtpMode
    suites: tuple[CryptoSuite, ...]
    column: str
    """What it is called among the suites: one of them, ``all``, ``reversed``; empty with SRTP off."""
    transport: Transport = Transport.UDP
    codec: str | None = None
    case: Case | None = None

    @property
    def name(self) -> str:
        """The id as the name of an endpoint, which is a SIP user, and of a file."""
        return re.sub(r"[^A-Za-z0-9._~!*+-]", ".", self.id)[:LONGEST_NAME]


@dataclass(frozen=True)
class Plan:
    """What a user chose of everything that can be tried."""

    modes: tuple[SrtpMode, ...] = tuple(SrtpMode)
    suites: tuple[CryptoSuite, ...] = tuple(CryptoSuite)
    transports: tuple[Transport, ...] = (Transport.UDP,)
    codecs: tuple[str | None, ...] = (None,)
    role: Role = Role.CALLER
    orders: bool = False
    negative: bool = True


def cells_of(plan: Plan) -> list[Cell]:
    """Every cell of the plan, in the order of their doing."""
    plain = [*base(plan), *further(plan)]
    return [
        placed(cell, plan.role, transport, codec)
        for transport, codec in product(plan.transports, plan.codecs)
        for cell in plain
    ]


def base(plan: Plan) -> Iterator[Cell]:
    """Modes by suites."""
    for mode in plan.modes:
        if mode is SrtpMode.OFF:
            yield Cell("off", "no SRTP is offered", Group.BASE, plan.role, mode, plan.suites, "")
            continue
        for column, suites in columns(plan.suites, orders=plan.orders):
            title = f"{mode}, {TITLES.get(column, column)}" if len(suites) > 1 else f"{mode}, only {column}"
            yield Cell(f"{mode}/{column}", title, Group.BASE, plan.role, mode, suites, column)


def columns(suites: Sequence[CryptoSuite], *, orders: bool) -> Iterator[tuple[str, tuple[CryptoSuite, ...]]]:
    """Each suite alone, all of them, all in reverse, and each of them first; no list comes twice."""
    every = tuple(suites)
    wanted: list[tuple[str, tuple[CryptoSuite, ...]]] = [(one.value, (one,)) for one in every]
    wanted += [(ALL, every), (REVERSED, every[::-1])]
    if orders:
        wanted += [(f"{one}{FIRST}", (one, *(other for other in every if other is not one))) for one in every]
    seen: set[tuple[CryptoSuite, ...]] = set()
    for column, order in wanted:
        if order not in seen:
            seen.add(order)
            yield column, order


def further(plan: Plan) -> Iterator[Cell]:
    """The cases, which are about mandatory SRTP."""
    if SrtpMode.MANDATORY not in plan.modes:
        return
    listens = plan.role is Role.LISTENER
    renegotiations = [case for case in RENEGOTIATIONS if case.offer or not listens]
    for case in [*renegotiations, *([BOTH_DIRECTIONS] if listens else [])]:
        yield of_case(case, Group.RENEGOTIATION, plan)
    for case in (NEGATIVE_ANSWERS if listens else NEGATIVE_OFFERS) if plan.negative else ():
        yield of_case(case, Group.NEGATIVE, plan)


def of_case(case: Case, group: Group, plan: Plan) -> Cell:
    """One of the cases."""
    suites = plan.suites[: case.suites]
    return Cell(f"{group}/{case.name}", case.title, group, plan.role, case.mode, suites, "", case=case)


def placed(cell: Cell, role: Role, transport: Transport, codec: str | None) -> Cell:
    """The same over a transport, with a codec."""
    where = "listen/" if role is Role.LISTENER else ""
    how = f"+{transport}" if transport is not Transport.UDP else ""
    with_codec = f"+{codec}" if codec is not None else ""
    return replace(cell, id=f"{where}{cell.id}{how}{with_codec}", transport=transport, codec=codec)


def known_ids() -> set[str]:
    """The ids of everything that could be tried, without transport and codec."""
    plans = [Plan(role=role, orders=True) for role in Role]
    return {cell.id for plan in plans for cell in cells_of(plan)}


def chosen(cells: list[Cell], only: Iterable[str], skip: Iterable[str]) -> list[Cell]:
    """The cells that ``--only`` names without those that ``--skip`` does; raises ConfigError for none.

    A pattern is an id, what stands before a ``/`` of it, or has ``*`` in it; what is the same for the cell
    may be left out: ``listen/``, and what begins with a ``+``.
    """

    def named(cell: Cell, pattern: str) -> bool:
        plain = cell.id.partition("+")[0]
        return any(
            fnmatch.fnmatchcase(name, pattern) or name.startswith(pattern.rstrip("/") + "/")
            for name in (cell.id, plain, plain.removeprefix("listen/"))
        )

    only, skip = list(only), list(skip)
    for option, patterns in (("--only", only), ("--skip", skip)):
        for pattern in patterns:
            if not any(named(cell, pattern) for cell in cells):
                hint = did_you_mean(pattern, [cell.id for cell in cells]) or "; see --list"
                raise ConfigError(f"{option} {pattern}: there is no such cell among those chosen{hint}")
    kept = [cell for cell in cells if not only or any(named(cell, pattern) for pattern in only)]
    kept = [cell for cell in kept if not any(named(cell, pattern) for pattern in skip)]
    if not kept:
        raise ConfigError("--skip leaves no cell to try; see --list")
    return kept
