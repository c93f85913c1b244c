"""Runs the sample of Cryptomus' documentation: as printed, and mended as a merchant has to."""

import base64
import hashlib
import json
import re

from samples import read, run
from steps import BASE, CRYPTOMUS, RUN, TRON_ADDRESS, WEBHOOKS
from steps import delivered, equal, step

NAME = "cryptomus_payout.sh"
HERE = {
    "https://api.cryptomus.com": BASE,
    "https://your.site/callback": WEBHOOKS,
    '"order_id": "1"': f'"order_id": "docs-{RUN}"',
}


def signed(text):
    """The sample with the signature of the body that it sends."""
    body = re.search(r"-d '(.*)'", text, re.DOTALL).group(1)
    sign = hashlib.md5(base64.b64encode(body.encode()) + CRYPTOMUS["payout"].encode())
    return re.sub(r"sign: \w+", f"sign: {sign.hexdigest()}", text)


printed = read(NAME, HERE)
mended = printed.replace('"1",\n}', '"1"\n}')
with step("as printed: the signature is an example"):
    answer = json.loads(run(NAME, printed))
    equal(answer["message"], "Invalid Sign.", "message")
with step("signed as printed: the comma is refused"):
    answer = json.loads(run(NAME, signed(printed)))
    equal(answer["state"], 1, "state")
    assert "JSON" in answer["message"], answer
with step("signed, without the comma"):
    assert mended != printed
    answer = json.loads(run(NAME, signed(mended)))
    equal(answer["state"], 0, "state")
    made = answer["result"]
    # The keys of the answer that the page prints, in its order.
    keys = ("uuid amount currency network address txid status is_final balance payer_currency "
            "payer_amount").split()
    equal([key for key in made if key in keys], keys, "keys")
    equal((made["amount"], made["currency"], made["network"]), ("5", "USDT", "TRON"), "payout")
    equal((made["address"], made["txid"]), (TRON_ADDRESS, None), "payout")
    equal((made["status"], made["is_final"]), ("process", False), "status")
    assert isinstance(made["balance"], (int, float)), made
    assert isinstance(made["payer_amount"], (int, float)) and made["payer_amount"] == 5, made
with step("again: the same payout"):
    equal(json.loads(run(NAME, signed(mended)))["result"]["uuid"], made["uuid"], "uuid")
with step("other bytes than those that were signed"):
    answer = json.loads(run(NAME, signed(mended).replace('"amount": "5"', '"amount": "6"')))
    equal(answer["message"], "Invalid Sign.", "message")
with step("webhook"):
    _, body = delivered(made["uuid"], '"status":"paid"')
    equal(json.loads(body)["is_final"], True, "is_final")
