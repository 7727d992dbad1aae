"""Cells of the interoperability test, with ids that do not depend on the selection.

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

from bot.config import DTLS_PROFILES, did_you_mean
from bot.errors import ConfigError
from bot.interop.case import Case
from bot.interop.dtls_offers import DTLS_ANSWERS, DTLS_OFFERS
from bot.interop.offers import NEGATIVE_ANSWERS, NEGATIVE_OFFERS
from bot.interop.renegotiation import BOTH_DIRECTIONS, RENEGOTIATIONS
from bot.model import CryptoSuite, Keying, SrtpMode, Transport

__all__ = ["Cell", "Group", "Plan", "Role", "cells_of", "chosen", "known_ids"]

ALL, REVERSED, FIRST = "all", "reversed", "-first"
TITLES = {ALL: "all suites", REVERSED: "all suites in reverse order"}
LONGEST_NAME = 64


class Group(StrEnum):
    """Part of the test."""

    BASE = "base"
    RENEGOTIATION = "renegotiation"
    NEGATIVE = "negative"


class Role(StrEnum):
    """Caller of the cell."""

    CALLER = "caller"
    LISTENER = "listener"


@dataclass(frozen=True)
class Cell:
    """A cell: the settings of the endpoint, and its actions in the call."""

    id: str
    title: str
    group: Group
    role: Role
    mode: SrtpMode
    suites: tuple[CryptoSuite, ...]
    column: str
    """Name of the suites: a suite, ``all`` or ``reversed``; empty with SRTP off."""
    transport: Transport = Transport.UDP
    codec: str | None = None
    case: Case | None = None
    keying: tuple[Keying, ...] = (Keying.SDES,)

    @property
    def name(self) -> str:
        """The id as the name of an endpoint (a SIP user) and of a file."""
        return re.sub(r"[^A-Za-z0-9._~!*+-]", ".", self.id)[:LONGEST_NAME]


@dataclass(frozen=True)
class Plan:
    """Selection of the cells."""

    modes: tuple[SrtpMode, ...] = tuple(SrtpMode)
    suites: tuple[CryptoSuite, ...] = tuple(CryptoSuite)
    transports: tuple[Transport, ...] = (Transport.UDP,)
    codecs: tuple[str | None, ...] = (None,)
    role: Role = Role.CALLER
    orders: bool = False
    negative: bool = True
    keying: tuple[Keying, ...] = (Keying.SDES,)
    """Key exchanges; with DTLS there are cells for it."""
    edits: bool = True
    """Whether SDP can be edited, which ICE does not allow; without it the cells that need it are left out."""


def cells_of(plan: Plan) -> list[Cell]:
    """All cells of the selection, in order."""
    every = [*base(plan), *further(plan), *dtls_cells(plan)]
    plain = [cell for cell in every if plan.edits or cell.case is None or not cell.case.edits]
    return [
        placed(cell, plan.role, transport, codec)
        for transport, codec in product(plan.transports, plan.codecs)
        for cell in plain
    ]


def base(plan: Plan) -> Iterator[Cell]:
    """The cells of all modes and suites."""
    for mode in plan.modes:
        if mode is not SrtpMode.OFF and Keying.SDES not in plan.keying:
            continue
        if mode is SrtpMode.OFF:
            yield Cell("off", "no SRTP is offered", Group.BASE, plan.role, mode, plan.suites, "")
            continue
        for column, suites in columns(plan.suites, orders=plan.orders):
            title = f"{mode}, {TITLES.get(column, column)}" if len(suites) > 1 else f"{mode}, only {column}"
            yield Cell(f"{mode}/{column}", title, Group.BASE, plan.role, mode, suites, column)


def dtls_cells(plan: Plan) -> Iterator[Cell]:
    """The cells of DTLS-SRTP (RFC 5763), with mandatory SRTP."""
    if SrtpMode.MANDATORY not in plan.modes or Keying.DTLS not in plan.keying:
        return
    profiles = tuple(one for one in plan.suites if one in DTLS_PROFILES)
    for column, suites in columns(profiles, orders=False):
        if column != REVERSED:
            name = f"DTLS {column}"
            title = f"mandatory, keyed by DTLS, {TITLES.get(column, column)}"
            cell_id = f"mandatory/DTLS-{column}"
            cell = Cell(cell_id, title, Group.BASE, plan.role, SrtpMode.MANDATORY, suites, name)
            yield replace(cell, keying=(Keying.DTLS,))
    cases = DTLS_ANSWERS if plan.role is Role.LISTENER else DTLS_OFFERS
    for case in cases if plan.negative else ():
        yield replace(of_case(case, Group.NEGATIVE, plan), suites=profiles, keying=(Keying.DTLS,))


def columns(suites: Sequence[CryptoSuite], *, orders: bool) -> Iterator[tuple[str, tuple[CryptoSuite, ...]]]:
    """Lists of suites: each suite alone, all, all reversed, each suite first; without duplicates."""
    every = tuple(suites)
    wanted: list[tuple[str, tuple[CryptoSuite, ...]]] = [(cell.value, (cell,)) for cell in every]
    wanted += [(ALL, every), (REVERSED, every[::-1])]
    if orders:
        wanted += [(f"{one}{FIRST}", (one, *(other for other in every if other is not one))) for one in every]
    seen: set[tuple[CryptoSuite, ...]] = set()
    for column, order in wanted:
        if order not in seen:
            seen.add(order)
            yield column, order


def further(plan: Plan) -> Iterator[Cell]:
    """The cells of the special cases, with mandatory SRTP."""
    if SrtpMode.MANDATORY not in plan.modes or Keying.SDES not in plan.keying:
        return
    listens = plan.role is Role.LISTENER
    renegotiations = [case for case in RENEGOTIATIONS if case.offer or not listens]
    for case in [*renegotiations, *([BOTH_DIRECTIONS] if listens else [])]:
        yield of_case(case, Group.RENEGOTIATION, plan)
    for case in (NEGATIVE_ANSWERS if listens else NEGATIVE_OFFERS) if plan.negative else ():
        if not case.only_cm or not all(suite.is_aead for suite in plan.suites):
            yield of_case(case, Group.NEGATIVE, plan)


def of_case(case: Case, group: Group, plan: Plan) -> Cell:
    """The cell of a special case."""
    suites = tuple(sorted(plan.suites, key=lambda one: one.is_aead))[: case.suites]
    return Cell(f"{group}/{case.name}", case.title, group, plan.role, case.mode, suites, "", case=case)


def placed(cell: Cell, role: Role, transport: Transport, codec: str | None) -> Cell:
    """The cell with a transport and a codec."""
    where = "listen/" if role is Role.LISTENER else ""
    how = f"+{transport}" if transport is not Transport.UDP else ""
    with_codec = f"+{codec}" if codec is not None else ""
    return replace(cell, id=f"{where}{cell.id}{how}{with_codec}", transport=transport, codec=codec)


def known_ids() -> set[str]:
    """The ids of all cells, without transport and codec."""
    plans = [Plan(role=role, orders=True, keying=tuple(Keying)) for role in Role]
    return {cell.id for plan in plans for cell in cells_of(plan)}


def chosen(cells: list[Cell], only: Iterable[str], skip: Iterable[str]) -> list[Cell]:
    """The cells of ``--only`` without those of ``--skip``; raises ConfigError without a cell.

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
                raise ConfigError(f"{option} {pattern}: unknown cell, or not among the chosen cells{hint}")
    kept = [cell for cell in cells if not only or any(named(cell, pattern) for pattern in only)]
    kept = [cell for cell in kept if not any(named(cell, pattern) for pattern in skip)]
    if not kept:
        raise ConfigError("--skip leaves no cell to try; see --list")
    return kept
