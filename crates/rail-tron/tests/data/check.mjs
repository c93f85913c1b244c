// Reads transactions that our code made and signed, and compares them with what TronWeb makes of them:
//   npm install tronweb@6.5.1 google-protobuf@3.21.4 && node check.mjs FILE
// Each line of the file is an object: raw_data_hex, txid, signature (65 bytes) and raw_hex (the whole
// transaction), all in hexadecimal. Exits with 1 if anything differs, or there is nothing to compare.
import fs from 'node:fs';
import jspb from 'google-protobuf';
import { TronWeb, utils } from 'tronweb';

const { Transaction } = globalThis.TronWebProto;
const KINDS = { 1: 'TransferContract', 31: 'TriggerSmartContract' };

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const bytes = (text) => new Uint8Array(Buffer.from(text, 'hex'));

// TransferContract with an amount that no JavaScript number holds: read and written as text.
function wide(value) {
  const [reader, writer] = [new jspb.BinaryReader(value), new jspb.BinaryWriter()];
  while (reader.nextField() && !reader.isEndGroup()) {
    const field = reader.getFieldNumber();
    if (field === 3) writer.writeInt64String(field, reader.readInt64String());
    else writer.writeBytes(field, reader.readBytes());
  }
  return writer.getResultBuffer();
}

function checks({ raw_data_hex, txid, signature, raw_hex }) {
  const whole = Transaction.deserializeBinary(bytes(raw_hex));
  const contracts = whole.getRawData().getContractList();
  const kind = KINDS[contracts[0].getType()];
  // To numbers and texts, and from those back to bytes.
  const raw_data = utils.deserializeTx.deserializeTransaction(kind, raw_data_hex);
  const { value } = raw_data.contract[0].parameter;
  const isWide = kind === 'TransferContract' && !Number.isSafeInteger(value.amount);
  const json = structuredClone(raw_data);
  if (isWide) json.contract[0].parameter.value.amount = 1;
  const again = utils.transaction.txJsonToPb({ visible: false, raw_data: json });
  if (isWide) again.getRawData().getContractList()[0].getParameter().setValue(wide(contracts[0].getParameter().getValue_asU8()));
  return [
    ['contracts', contracts.length, 1],
    ['raw_data', utils.transaction.txPbToRawDataHex(again).toLowerCase(), raw_data_hex],
    ['raw_data of the whole', hex(whole.getRawData().serializeBinary()), raw_data_hex],
    ['whole', hex(whole.serializeBinary()), raw_hex],
    ['results', whole.getRetList().length, 0],
    ['signatures', whole.getSignatureList_asU8().map(hex).join(), signature],
    ['last byte of the signature', ['1b', '1c'].includes(signature.slice(128)), true],
    ['txid', utils.transaction.txPbToTxID(again).replace(/^0x/, ''), txid],
    ['signer', TronWeb.address.fromHex(utils.crypto.ecRecover(txid, signature)), TronWeb.address.fromHex(value.owner_address)],
  ];
}

const lines = fs.readFileSync(process.argv[2], 'utf8').split('\n').filter((it) => it !== '');
let different = 0;
for (const [at, line] of lines.entries()) {
  let found;
  try {
    found = checks(JSON.parse(line));
  } catch (error) {
    found = [['it', error.message, 'readable']];
  }
  for (const [field, is, wanted] of found.filter(([, is, wanted]) => is !== wanted)) {
    different += 1;
    console.error(`line ${at + 1}: ${field} is ${is}, ${wanted} is meant`);
  }
}
console.log(lines.length, 'transactions,', different, 'differences');
process.exit(different > 0 || lines.length === 0 ? 1 : 0);
