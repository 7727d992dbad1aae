"""Changes to a message at random: of bytes, lines, numbers, words, lengths."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

__all__ = ["mutated"]

NUMBERS = (
    *(b"0", b"1", b"-1", b"00", b"127", b"128", b"255", b"256", b"65535", b"65536", b"99999", b"2147483647"),
    *(b"2147483648", b"4294967295", b"4294967296", b"18446744073709551616", b"9" * 60, b"1.5", b"0x10", b""),
)
WORDS = (
    *(
        b"",
        b" ",
        b"\t",
        b"\0",
        b"\xff",
        b"\xc3\x28",
        b"%00",
        b"%",
        b"%zz",
        b"%s%n",
        b"<",
        b">",
        b"<>",
        b'"',
        b'""',
    ),
    *(
        b"'",
        b",",
        b";",
        b":",
        b"@",
        b"=",
        b"?",
        b"/",
        b"*",
        b"[",
        b"]",
        b"[::1]",
        b"(",
        b")",
        b"\\",
        b"\r\n",
        b"\n",
    ),
    *(
        b"\r",
        b"\r\n ",
        b"A" * 100,
        b"A" * 300,
        b"A" * 1500,
        b"sip:",
        b"sips:",
        b"tel:",
        b"urn:x",
        b"999.999.999.999",
    ),
    *(
        b"0.0.0.0",
        b"255.255.255.255",
        b"127.0.0.1",
        b"::",
        b"SIP/2.0",
        b"IN IP6 ::1",
        b"IN IP4",
        b"lr",
        b"tag",
        b"q",
    ),
)
NUMBER = re.compile(rb"[0-9]+")
WORD = re.compile(rb"[A-Za-z0-9.+-]+")
PUNCTUATION = re.compile(rb"[^A-Za-z0-9]")
LENGTH = re.compile(rb"^(Content-Length[ \t]*:[ \t]*)[0-9]+", re.IGNORECASE | re.MULTILINE)
KEEPS_LENGTH = 0.85

Mutation = Callable[[bytes, Random, Sequence[bytes]], bytes]


def mutated(message: bytes, random: Random, others: Sequence[bytes], most: int = 4) -> bytes:
    """The message with one to ``most`` changes; Content-Length is mostly made true again."""
    head, gap, body = message.partition(b"\r\n\r\n")
    for _ in range(random.choice((1, 1, 1, 2, most))):
        mutation = random.choice(MUTATIONS)
        if body and random.random() < 0.5:
            body = mutation(body, random, others)
        else:
            head = mutation(head, random, others)
    if random.random() < KEEPS_LENGTH:
        head = LENGTH.sub(rb"\g<1>%d" % len(body), head)
    return head + gap + body


def at_random(pattern: re.Pattern[bytes], replacements: Sequence[bytes]) -> Mutation:
    """Puts one of the replacements in place of a match."""

    def mutation(text: bytes, random: Random, others: Sequence[bytes]) -> bytes:
        found = list(pattern.finditer(text))
        if not found:
            return text
        one = random.choice(found)
        return text[: one.start()] + random.choice(replacements) + text[one.end() :]

    return mutation


def insertion(text: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    place = random.randint(0, len(text))
    return text[:place] + random.choice(WORDS) + text[place:]


def flip(text: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    if not text:
        return text
    place = random.randrange(len(text))
    return text[:place] + bytes([random.randrange(256)]) + text[place + 1 :]


def cut(text: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    first, last = sorted(random.randint(0, len(text)) for _ in range(2))
    return text[:first] + text[last:] if last - first < 40 or random.random() < 0.2 else text[:last]


def line_change(text: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    lines = text.split(b"\r\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            del lines[one]
        case 1:
            lines.insert(other, lines[one])
        case 2:
            lines[one], lines[other] = lines[other], lines[one]
        case 3:
            lines[one:one] = [lines[one]] * random.choice((2, 5, 17, 40, 70, 130))
        case 4:
            donor = random.choice(others).split(b"\r\n")
            lines.insert(other, random.choice(donor))
        case _:
            name, colon, value = lines[one].partition(b":")
            lines[one] = name + colon + b" " + b",".join([value] * random.choice((2, 3, 33, 70)))
    return b"\r\n".join(lines)


MUTATIONS: tuple[Mutation, ...] = (
    at_random(NUMBER, NUMBERS),
    at_random(NUMBER, NUMBERS),
    at_random(WORD, WORDS),
    at_random(PUNCTUATION, WORDS),
    insertion,
    flip,
    cut,
    line_change,
    line_change,
)
