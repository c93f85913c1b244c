"""Drives the package `crypto-cloud-py` 0.2 (https://pypi.org/project/crypto-cloud-py/).

It has no call for payouts, sends lists and statistics as forms, and uses the key that only asks.
"""

import warnings

import requests

warnings.simplefilter("ignore")

from crypto_cloud_py import CryptoCloudApi

from steps import BASE
from steps import equal, refused, step

PERIOD = ("01.12.2024", "20.01.2025")


def connect(key):
    return CryptoCloudApi(key, base_url=BASE + "/v2")


client = connect("cc-project-key")
with step("statistics of an empty period, as a form"):
    stats = client.invoice_statistics(*PERIOD)
    equal((stats.count.all, stats.amount.all), (0, 0.0), "statistics")
with step("statistics of all time"):
    stats = client.invoice_statistics("01.12.2024", "20.01.2100")
    assert stats.count.all >= stats.count.paid >= 0 and stats.amount.all >= 0, stats
with step("statistics without a date"), refused(requests.HTTPError, "400"):
    client.invoice_statistics("", "")
with step("statistics with a wrong key"), refused(requests.HTTPError, "400"):
    connect("bad").invoice_statistics(*PERIOD)
with step("info of nothing"):
    equal(client.invoices_info(["INV-ZZZZZZZZ"]), [], "invoices")
with step("cancelling an unknown invoice"), refused(requests.HTTPError, "400"):
    client.invoice_cancel("INV-ZZZZZZZZ")
