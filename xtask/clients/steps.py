"""What the programs share: a line for each step, and the sandbox's receiver of webhooks.

A program prints `ok STEP`, `FAIL STEP: WHY`, or `client-bug STEP: WHAT` for a step that fails by a
mistake of the client itself, in exactly the way it is known to.
"""

import os
import time
import urllib.request
from contextlib import contextmanager

# Where the gateway is, without a slash at the end.
BASE = os.environ["BASE"].rstrip("/")
# What makes the references of this run new.
RUN = os.environ.get("RUN") or f"{time.time_ns():x}"
# Where webhooks are sent, and read again.
WEBHOOKS = f"{BASE}/sandbox/webhooks"
# How long something may take to happen, in seconds.
PATIENCE = 30.0

CRYPTOMUS = {
    "merchant": "8b03432e-385b-4670-8d06-064591096795",
    "payment": "payment-key-1",
    "payout": "payout-key-1",
}
HELEKET = {
    "merchant": "7a02b1c4-0f5e-4d3c-9a2b-1e5f7c8d9a01",
    "payment": "heleket-payment-key-1",
    "payout": "heleket-payout-key-1",
}
ONCHAINPAY = {"public": "pub==", "private": "priv=="}
APOLLO = {"public": "apollo-pub==", "private": "apollo-priv=="}
TRON_ADDRESS = "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm"
LITECOIN_ADDRESS = "LfQHfKCqBjtfAL7CjpZsf4enzWqWH86xY8"
BITCOIN_ADDRESS = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
# Bad by its checksum only.
BAD_TRON_ADDRESS = "TXguLRFtrAFrEDA17WuPfrxB84jVzJcNNV"


def say(verdict, name, why=None):
    """Prints the line of a step."""
    line = f"{verdict} {name}" if why is None else f"{verdict} {name}: {why}"
    print(" ".join(line.split())[:400], flush=True)


@contextmanager
def step(name):
    """A step that must succeed."""
    try:
        yield
    except Exception as error:
        say("FAIL", name, f"{type(error).__name__}: {error}")
    else:
        say("ok", name)


@contextmanager
def client_bug(name, what, error_class, words):
    """A step that the client cannot do, and by which error one knows it."""
    try:
        yield
    except error_class as error:
        if words in str(error):
            say("client-bug", name, what)
        else:
            say("FAIL", name, f"another error than expected: {error}")
    except Exception as error:
        say("FAIL", name, f"another error than expected: {type(error).__name__}: {error}")
    else:
        say("FAIL", name, f"the client does what it is known not to: {what}")


@contextmanager
def refused(error_class, *words):
    """Fails unless what is inside is refused with this error and these words."""
    try:
        yield
    except error_class as error:
        for word in words:
            assert word in f"{error}", f"refused with {error!r}, not with {word!r}"
    else:
        raise AssertionError("not refused")


def equal(found, expected, what="value"):
    """Fails unless both are equal, and of the same type."""
    same = found == expected and type(found) is type(expected)
    assert same, f"{what} is {found!r}, expected {expected!r}"


def between(low, value, high, what="value"):
    """Fails unless the value is there."""
    assert low <= value <= high, f"{what} is {value!r}, expected {low} to {high}"


def wait(what, look):
    """Looks until there is something to see, and returns it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"waited in vain: {what}")


def delivered(*words):
    """The signature header and the body of a webhook that has all these words in its body."""

    def look():
        with urllib.request.urlopen(WEBHOOKS) as answer:
            lines = answer.read().decode().splitlines()
        pairs = [line.split(" ", 1) for line in lines if " " in line]
        return next((it for it in pairs if all(word in it[1] for word in words)), None)

    return wait(f"a webhook with {words}", look)
