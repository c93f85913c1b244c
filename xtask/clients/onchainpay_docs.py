"""Sends the request that OnchainPay's documentation prints, with the headers that it describes."""

import hashlib
import hmac
import http.client
import json
from urllib.parse import urlsplit

from samples import read
from steps import BASE, ONCHAINPAY, WEBHOOKS
from steps import delivered, equal, step

NAME = "onchainpay_create.http"
PRIVATE = ONCHAINPAY["private"]


def send(body, private=PRIVATE, headers=True):
    """Sends the sample's request with this body."""
    head, _ = read(NAME, {}).split("\n\n", 1)
    first, *lines = head.splitlines()
    method, path, _ = first.split()
    said = dict(line.split(": ", 1) for line in lines)
    said["Content-Length"] = str(len(body))
    said["Host"] = urlsplit(BASE).netloc
    if headers:
        said["x-api-public-key"] = ONCHAINPAY["public"]
        said["x-api-signature"] = hmac.new(private.encode(), body, hashlib.sha256).hexdigest()
    connection = http.client.HTTPConnection(urlsplit(BASE).netloc, timeout=30)
    connection.request(method, path, body, said)
    answer = connection.getresponse()
    return answer.status, json.load(answer)


def check(status, whole):
    """Fails unless the payout is the one of the sample; returns it."""
    equal((status, whole["success"]), (200, True), f"answer {whole}")
    made = whole["response"]
    equal((made["type"], made["status"]), ("WITHDRAWAL", "PENDING"), "status")
    equal((made["currencyTo"], made["networkTo"]), ("BTC", "bitcoin"), "target")
    equal(made["addressTo"], "1CGuTUAx7icKniPVKGiyiT7QLycpkxULLP", "addressTo")
    # Both amounts are given: the source's counts.
    equal((made["currencyFrom"], made["networkFrom"]), ("USDT", "bsc"), "source")
    equal(float(made["amountFrom"]), 1000.0, "amountFrom")
    assert all(isinstance(made[key], str) for key in made if key.startswith("amount")), made
    assert made["amountTo"] != "0.1", made
    return made


text = read(NAME, {"https://merchant.domain/webhooks/...": WEBHOOKS})
printed = text.split("\n\n", 1)[1].strip().encode()
compact = json.dumps(json.loads(printed), separators=(",", ":")).encode()
with step("the length that is printed is that of the compact body"):
    body = read(NAME, {}).split("\n\n", 1)[1]
    size = len(json.dumps(json.loads(body), separators=(",", ":")))
    assert f"Content-Length: {size}\n" in read(NAME, {}), size
with step("body as printed"):
    made = check(*send(printed))
with step("body without white space"):
    other = check(*send(compact))
    assert other["id"] != made["id"], "nothing says that both are the same"
with step("no signature"):
    status, whole = send(compact, headers=False)
    equal((status, whole["success"]), (401, False), "answer")
with step("wrong private key"):
    status, whole = send(compact, private="c9jeO7OJcJb7")
    equal((status, whole["success"]), (401, False), "answer")
    assert whole["error"]["message"] and whole["requestId"], whole
with step("processed, and its webhook's signature"):
    signature, body = delivered(made["id"], '"status":"PROCESSED"')
    equal(hmac.new(PRIVATE.encode(), body.encode(), hashlib.sha256).hexdigest(), signature)
    assert json.loads(body)["txId"], body
