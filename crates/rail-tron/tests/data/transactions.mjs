// Makes transactions.json and keys.json with an independent implementation:
//   npm install tronweb@6.5.1 google-protobuf@3.21.4 && node transactions.mjs
// Nothing is asked of any node. transactions.py checks the file with another implementation.
import crypto from 'node:crypto';
import fs from 'node:fs';
import jspb from 'google-protobuf';
import { TronWeb, utils } from 'tronweb';

const tronWeb = new TronWeb({ fullHost: 'http://127.0.0.1:1' });
const { Transaction } = globalThis.TronWebProto;

const JUNK = 'test test test test test test test test test test test junk';
const ZEROS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
const path = (account) => `m/44'/195'/${account}'/0/0`;
const accounts = [0, 1, 2].map((at) => ({ key_path: path(at), ...TronWeb.fromMnemonic(JUNK, path(at)) }));

const hex = (bytes) => Buffer.from(bytes).toString('hex');
// Bytes that look random, from a name.
const some = (name) => crypto.createHash('sha256').update(name).digest();
const address = (digits) => TronWeb.address.fromHex('41' + digits);
const recipient = (name) => address(hex(some(name).subarray(0, 20)));

const USDT = 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t';
const USDD = 'TXDk8mbtRbXeYuMNS83CfKPaYYT8XWv9Hz';
const HOUR_MS = 3_600_000;
const NOW_MS = 1_790_000_000_123;
const SAFE_MAX = 2n ** 53n - 1n;

const usual = (name, at = 0) => ({
  name, account: at % 3, to: recipient(name), contract: null, amount: 1_500_000n, memo: null,
  ref_block_bytes: hex(some(`${name} bytes`).subarray(0, 2)), ref_block_hash: hex(some(`${name} hash`).subarray(0, 8)),
  expiration: NOW_MS + at * 1_000 + 60_000, timestamp: NOW_MS + at * 1_000, fee_limit: 0,
});
const native = (name, change, at) => ({ kind: 'native', ...usual(`native, ${name}`, at), ...change });
const token = (name, change, at) => ({ kind: 'token', ...usual(`token, ${name}`, at), contract: USDT, fee_limit: 30_000_000, ...change });

// More than a JavaScript number holds is made by the second way below.
const coins = [1n, 127n, 128n, 1_000_000n, 12_345_678n, 2n ** 31n, SAFE_MAX, SAFE_MAX + 1n, SAFE_MAX + 2n, 10n ** 17n, 2n ** 63n - 1n];
// The largest amount of the gateway is 2^127 - 1; the last two are beyond it.
const tokens = [1n, 255n, 256n, 1_500_000n, 10n ** 18n, 2n ** 64n, 2n ** 96n - 1n, 2n ** 127n - 1n, 2n ** 127n, 2n ** 256n - 1n];
const recipients = {
  'zeros first': '00'.repeat(8) + hex(some('zeros').subarray(0, 12)), 'many zeros first': '00'.repeat(15) + '0100000002',
  'zeros last': 'c0' + '00'.repeat(19), 'ones': 'ff'.repeat(20), 'like the prefix': '41'.repeat(20),
};
const blocks = [['0000', '00'.repeat(8)], ['ffff', 'ff'.repeat(8)], ['00ff', '0000000000000001'], ['8000', '8000000000000000']];
const times = [[1, 1], [1, 127], [127, 128], [128, 128 + 25 * HOUR_MS], [NOW_MS, NOW_MS + 24 * HOUR_MS], [NOW_MS, NOW_MS - 1],
  [Number(SAFE_MAX) - 25 * HOUR_MS, Number(SAFE_MAX)], [2 ** 42 - 1, 2 ** 42]];
const memos = ['a', '0', '1234567890', 'deadbeef', '0xdeadbeef', '0x', 'заказ № 42', '\u{1f4b8}', ' a b ', 'two\nlines', '{"id":"7"}', '"', 'm'.repeat(127), 'м'.repeat(64), 'n'.repeat(1000)];
const fees = [1, 127, 128, 30_000_000, 100_000_000, 15_000_000_000];
const contracts = { USDD, 'zeros first': address('00'.repeat(5) + hex(some('contract').subarray(0, 15))) };

const wishes = [
  ...coins.map((amount, at) => native(`${amount} sun`, { amount }, at)),
  ...tokens.map((amount, at) => token(`${amount} units`, { amount }, at)),
  ...[native, token].flatMap((make, at) => [
    ...Object.entries(recipients).map(([name, digits]) => make(`to ${name}`, { to: address(digits) }, at)),
    ...blocks.map(([ref_block_bytes, ref_block_hash]) => make(`after ${ref_block_bytes}`, { ref_block_bytes, ref_block_hash }, at + 1)),
    ...times.map(([timestamp, expiration]) => make(`from ${timestamp} to ${expiration}`, { timestamp, expiration }, at + 2)),
    ...memos.map((memo) => make(`memo ${memo.slice(0, 12)}, ${memo.length}`, { memo }, at)),
  ]),
  ...fees.map((fee_limit, at) => token(`fee limit ${fee_limit}`, { fee_limit }, at)),
  ...Object.entries(contracts).map(([name, contract], at) => token(`contract ${name}`, { contract }, at)),
  ...Array.from({ length: 12 }, (_, at) => [native, token][at % 2](`any ${at}`, {
    amount: some(`amount ${at}`).readBigUInt64BE(0) >> BigInt(12 + at), memo: at % 3 ? null : hex(some(`memo ${at}`)).slice(at),
  }, at)),
];

// What the library's users call.
async function built(it, owner) {
  const blockHeader = { ref_block_bytes: it.ref_block_bytes, ref_block_hash: it.ref_block_hash, expiration: it.expiration, timestamp: it.timestamp };
  const { transactionBuilder } = tronWeb;
  let tx;
  if (it.kind === 'native') {
    tx = await transactionBuilder.sendTrx(it.to, Number(it.amount), owner, { blockHeader });
  } else {
    const parameters = [{ type: 'address', value: it.to }, { type: 'uint256', value: it.amount.toString() }];
    const options = { feeLimit: it.fee_limit, txLocal: true, blockHeader };
    ({ transaction: tx } = await transactionBuilder.triggerSmartContract(it.contract, 'transfer(address,uint256)', options, parameters, owner));
  }
  // It takes a text that begins with 0x for hexadecimal whatever it is told, so it gets nothing else.
  if (it.memo !== null) tx = await transactionBuilder.addUpdateData(tx, hex(Buffer.from(it.memo)), 'hex', { txLocal: true });
  return tx;
}

// The same with a message that the protobuf library writes, for numbers that it keeps as text.
async function written(it, owner) {
  const tx = await built({ ...it, amount: 1n }, owner);
  const message = new jspb.BinaryWriter();
  message.writeBytes(1, utils.code.hexStr2byteArray(TronWeb.address.toHex(owner)));
  message.writeBytes(2, utils.code.hexStr2byteArray(TronWeb.address.toHex(it.to)));
  message.writeInt64String(3, it.amount.toString());
  const pb = utils.transaction.txJsonToPb(tx);
  pb.getRawData().getContractList()[0].getParameter().setValue(message.getResultBuffer());
  return { ...tx, txID: utils.transaction.txPbToTxID(pb).replace(/^0x/, ''), raw_data_hex: utils.transaction.txPbToRawDataHex(pb).toLowerCase() };
}

async function vector({ account, amount, ...it }) {
  const { key_path, address: owner, privateKey } = accounts[account];
  const secret = privateKey.replace(/^0x/, '');
  const fits = it.kind === 'token' || amount <= SAFE_MAX;
  const tx = await (fits ? built : written)({ ...it, amount }, owner);
  // The usual call builds the transaction again from its numbers, and refuses what they do not hold.
  const signed = fits ? await tronWeb.trx.sign(tx, secret) : utils.crypto.signTransaction(secret, tx);
  // It spells the last byte in capitals.
  const signature = signed.signature[0].toLowerCase();
  if (TronWeb.address.fromHex(utils.crypto.ecRecover(tx.txID, signature)) !== owner) throw new Error(`${it.name}: another signer`);
  return { ...it, amount: amount.toString(), key_path, owner, raw_data_hex: tx.raw_data_hex, txid: tx.txID, signature };
}

const keys = [
  { mnemonic: JUNK, ...TronWeb.fromMnemonic(JUNK), key_path: path(0) },
  ...[1, 2].map((at) => ({ mnemonic: JUNK, ...TronWeb.fromMnemonic(JUNK, path(at)), key_path: path(at) })),
  { mnemonic: JUNK, ...TronWeb.fromMnemonic(JUNK, "m/44'/195'/0'/0/1"), key_path: "m/44'/195'/0'/0/1" },
  { mnemonic: ZEROS, ...TronWeb.fromMnemonic(ZEROS), key_path: path(0) },
].map(({ mnemonic, key_path, address, privateKey }) => ({ mnemonic: mnemonic.phrase ?? mnemonic, key_path, private_key: privateKey.replace(/^0x/, ''), address }));
for (const private_key of ['00'.repeat(31) + '01', 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80']) {
  keys.push({ mnemonic: null, key_path: null, private_key, address: TronWeb.address.fromPrivateKey(private_key) });
}

const lines = (rows) => '[\n' + rows.map((it) => JSON.stringify(it)).join(',\n') + '\n]\n';
const vectors = [];
for (const wish of wishes) vectors.push(await vector(wish));
if (new Set(vectors.map((it) => it.name)).size !== vectors.length) throw new Error('names are not unique');
fs.writeFileSync(new URL('keys.json', import.meta.url), lines(keys));
fs.writeFileSync(new URL('transactions.json', import.meta.url), lines(vectors));
console.log(vectors.length, 'transactions,', keys.length, 'keys');
