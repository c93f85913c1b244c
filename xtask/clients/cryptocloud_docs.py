"""Runs the samples of CryptoCloud's documentation in every language that it prints them in."""

import ast
import json
import re
import urllib.request

from samples import read, run
from steps import BASE, BITCOIN_ADDRESS
from steps import equal, refused, step, wait

HOST = "https://api.cryptocloud.plus"
KEY = "cc-withdraw-key"
# Each sample, what it has in place of the key and of the address, and what it shows of a refusal.
SAMPLES = {
    "cryptocloud.sh": ("YOUR_API_KEY", "YOUR_RECIPIENT_ADDRESS", "result"),
    "cryptocloud.py": ('api_key = ""', 'to_address=""', "result"),
    "cryptocloud_axios.js": ("<your_api_key_here>", "<recipient_address>", "result"),
    "cryptocloud_fetch.js": ("<your_api_key>", "<recipient_address>", "HTTP error 400"),
    "cryptocloud_ajax.js": ("<your_api_key>", "<recipient_address>", "400"),
    "cryptocloud.php": ("<your_api_key_here>", "<recipient_address>", "result"),
}


def outcome(name, key=KEY, address=BITCOIN_ADDRESS, amount="0.00023"):
    """What a sample prints once host, key, address and amount are filled in."""
    key_place, address_place, _ = SAMPLES[name]
    filled = {
        HOST: BASE,
        key_place: key_place.replace('""', f'"{key}"') if '""' in key_place else key,
        address_place: (
            address_place.replace('""', f'"{address}"') if '""' in address_place else address
        ),
        "0.00023": amount,
    }
    return run(name, read(name, filled))


def payout(printed):
    """The payout that a sample says it made, as the gateway's own API shows it."""
    found = re.search(r"INV-[0-9A-Z]{8}", printed)
    assert found, printed
    request = urllib.request.Request(f"{BASE}/vyplata/v1/payouts/{found.group()}")
    request.add_header("Authorization", "Bearer sandbox-native-token")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def says_success(name, printed):
    """Fails unless the sample shows a success, and the amount that was asked for."""
    if name.endswith(".sh"):
        answer = json.loads(printed)
    elif name.endswith(".py"):
        answer = ast.literal_eval(printed.removeprefix("Success:").strip())
    else:
        assert printed.startswith("Success:"), printed
        assert re.search(r"\bamount(: |\] => )0\.00023\b", printed), printed
        return
    equal(answer["status"], "success", "status")
    result, data = answer["result"], answer["data"]
    equal((result["amount"], result["status"], result["type"]), (0.00023, "created", "dw"))
    equal(result["currency"]["code"], "BTC", "currency")
    equal(data["invoice_id"], result["uuid"], "invoice_id")
    equal((data["amount"], data["currency"], data["status"]), (0.00023, "BTC", "created"), "data")


for name, (_, _, shown) in SAMPLES.items():
    made = None
    with step(f"{name}: create"):
        printed = outcome(name)
        says_success(name, printed)
        made = payout(printed)
        equal((made["asset_id"], made["amount"]), ("BTC@bitcoin", "0.00023"), "payout")
        equal(made["address"], BITCOIN_ADDRESS, "address")
    with step(f"{name}: paid"):
        wait("paid", lambda: payout(printed)["status"] == "paid")
    with step(f"{name}: a small amount"):
        equal(payout(outcome(name, amount="0.00001"))["amount"], "0.00001", "amount")
    with step(f"{name}: wrong key"):
        printed = outcome(name, key="bad")
        assert (shown if "400" in shown else "Unauthorized request.") in printed, printed
    with step(f"{name}: wrong address"):
        printed = outcome(name, address="x")
        assert (shown if "400" in shown else "network") in printed, printed
        assert "Success" not in printed and "INV-" not in printed, printed


names = {"__name__": "sample"}
exec(read("cryptocloud.py", {}), names)
Refused = names["PayoutAPIError"]


def client(key=KEY):
    made = names["PayoutAPIClient"](key)
    made.base_url = BASE
    return made


for code in ("USDT_TRC20", "TRX"):
    with step(f"class: {code}"):
        answer = client().create_payout(code, "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm", 12.5)
        result = answer["result"]
        equal((result["amount"], result["currency"]["fullcode"]), (12.5, code), "result")
        equal((result["pay_url"], result["order_id"]), ("None", "None"), "result")
with step("class: unknown currency"), refused(Refused, "status 400", "currency_code"):
    client().create_payout("XBT", BITCOIN_ADDRESS, 1.0)
with step("class: nothing"), refused(Refused, "status 400", "uncorrected_amount"):
    client().create_payout("BTC", BITCOIN_ADDRESS, 0.0)
with step("class: more digits than the coin has"), refused(Refused, "uncorrected_amount"):
    client().create_payout("BTC", BITCOIN_ADDRESS, 0.1 + 0.2)
with step("class: more than there is"), refused(Refused, "status 400", "uncorrected_amount"):
    client().create_payout("BTC", BITCOIN_ADDRESS, 5_000_000.0)
with step("class: no address"), refused(Refused, "status 400"):
    client().create_payout("BTC", None, 1.0)
with step("class: error's data"):
    try:
        client("bad").create_payout("BTC", BITCOIN_ADDRESS, 1.0)
    except Refused as error:
        equal(error.status_code, 400, "status_code")
        shown = {"status": "error", "result": {"authorization": "Unauthorized request."}}
        equal(error.error_data, shown, "error_data")
    else:
        raise AssertionError("not refused")
