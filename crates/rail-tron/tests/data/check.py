"""Reads transactions that our code made and signed, and compares them with what tronpy and Google's
protobuf make of them:

    pip install 'tronpy[offline]==0.6.2' && python check.py FILE

Each line of the file is an object: raw_data_hex, txid, signature (65 bytes) and raw_hex (the whole
transaction), all in hexadecimal. Exits with 1 if anything differs, or there is nothing to compare.
"""

import hashlib
import json
import pathlib
import sys

from tronpy.keys import PublicKey, Signature, to_base58check_address
from tronpy.proto import calculate_txid_from_raw_data, tron_pb2

MESSAGES = {1: tron_pb2.TransferContract, 31: tron_pb2.TriggerSmartContract}


def txid_of_tronpy(raw, kind, message):
    """What tronpy's own function makes of the fields. It leaves out the memo."""
    names = [field.name for field in message.DESCRIPTOR.fields]
    value = {name: getattr(message, name) for name in names}
    value = {name: it.hex() if isinstance(it, bytes) else it for name, it in value.items()}
    fields = {name: getattr(raw, name).hex() for name in ["ref_block_bytes", "ref_block_hash"]}
    fields |= {name: getattr(raw, name) for name in ["expiration", "timestamp", "fee_limit"]}
    type_url = raw.contract[0].parameter.type_url
    fields["contract"] = [{"type": kind, "parameter": {"value": value, "type_url": type_url}}]
    return calculate_txid_from_raw_data(fields)


def checks(line):
    row = json.loads(line)
    whole = tron_pb2.Transaction.FromString(bytes.fromhex(row["raw_hex"]))
    payload = bytes.fromhex(row["raw_data_hex"])
    raw, digest = tron_pb2.Transaction.raw.FromString(payload), hashlib.sha256(payload).digest()
    yield "contracts", len(raw.contract), 1
    contract = raw.contract[0]
    message = MESSAGES[contract.type].FromString(contract.parameter.value)
    kind = message.DESCRIPTOR.name
    yield "type_url", contract.parameter.type_url, f"type.googleapis.com/protocol.{kind}"
    # Protobuf keeps fields that it does not know (to tronpy, results are such), and would write them
    # again.
    for it in [whole, raw, contract, contract.parameter, message]:
        it.DiscardUnknownFields()
    yield "message", message.SerializeToString().hex(), contract.parameter.value.hex()
    yield "raw_data", raw.SerializeToString().hex(), row["raw_data_hex"]
    yield "raw_data of the whole", whole.raw_data.SerializeToString().hex(), row["raw_data_hex"]
    yield "whole", whole.SerializeToString().hex(), row["raw_hex"]
    yield "signatures", ",".join(it.hex() for it in whole.signature), row["signature"]
    yield "txid", digest.hex(), row["txid"]
    if not raw.data:
        yield "txid of tronpy", txid_of_tronpy(raw, kind, message), row["txid"]
    signature = Signature(bytes.fromhex(row["signature"]))
    key = PublicKey.recover_from_msg_hash(digest, signature)
    yield "signer", key.to_base58check_address(), to_base58check_address(message.owner_address)
    yield "verified", key.verify_msg_hash(digest, signature), True
    yield "last byte of the signature", row["signature"][128:], ["1b", "1c"][signature.v]


def main():
    lines = [it for it in pathlib.Path(sys.argv[1]).read_text().split("\n") if it]
    different = 0
    for at, line in enumerate(lines, 1):
        try:
            found = list(checks(line))
        except Exception as error:
            found = [("it", repr(error), "readable")]
        for field, is_, wanted in found:
            if is_ != wanted:
                different += 1
                print(f"line {at}: {field} is {is_}, {wanted} is meant", file=sys.stderr)
    print(len(lines), "transactions,", different, "differences")
    sys.exit(1 if different or not lines else 0)


main()
