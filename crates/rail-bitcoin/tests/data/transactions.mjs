// Makes transactions.json with an independent implementation:
//   npm install bitcoinjs-lib@7.0.5 ecpair@3.0.2 bip32@5.0.1 bip39@3.1.0 @bitcoinerlab/secp256k1@2.0.0
//   node transactions.mjs
import crypto from 'node:crypto';
import fs from 'node:fs';
import * as ecc from '@bitcoinerlab/secp256k1';
import { BIP32Factory } from 'bip32';
import * as bip39 from 'bip39';
import * as bitcoin from 'bitcoinjs-lib';
import { ECPairFactory } from 'ecpair';

bitcoin.initEccLib(ecc);
const bip32 = BIP32Factory(ecc);
const ECPair = ECPairFactory(ecc);
const MNEMONIC = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
const root = bip32.fromSeed(bip39.mnemonicToSeedSync(MNEMONIC));

const versions = { bip32: { public: 0x0488b21e, private: 0x0488ade4 }, wif: 0x80, messagePrefix: '' };
const networks = {
  bitcoin: { ...versions, bech32: 'bc', pubKeyHash: 0x00, scriptHash: 0x05, coin: 0 },
  litecoin: { ...versions, bech32: 'ltc', pubKeyHash: 0x30, scriptHash: 0x32, coin: 2 },
};

const hex = (bytes) => Buffer.from(bytes).toString('hex');
// Bytes that look random, from a name.
const some = (name) => crypto.createHash('sha256').update(name).digest();
const number = (name, from, to) => from + (some(name).readUInt32BE(0) % (to - from + 1));

// An address of each kind, of a key that follows from a name.
function address(kind, name, network) {
  const { publicKey } = ECPair.fromPrivateKey(some(name), { network });
  const { payments } = bitcoin;
  const key = payments.p2pk({ pubkey: publicKey, network });
  return {
    p2pkh: () => payments.p2pkh({ pubkey: publicKey, network }),
    p2sh: () => payments.p2sh({ redeem: payments.p2wpkh({ pubkey: publicKey, network }), network }),
    p2wpkh: () => payments.p2wpkh({ pubkey: publicKey, network }),
    p2wsh: () => payments.p2wsh({ redeem: key, network }),
    p2tr: () => payments.p2tr({ internalPubkey: publicKey.subarray(1), network }),
  }[kind]().address;
}
const KINDS = ['p2pkh', 'p2sh', 'p2wpkh', 'p2wsh', 'p2tr'];

function lane(networkId, kind) {
  const network = networks[networkId];
  const path = `m/${kind === 'p2wpkh' ? 84 : 86}'/${network.coin}'/0'/0/0`;
  const node = root.derivePath(path);
  const pubkey = Buffer.from(node.publicKey);
  const internal = pubkey.subarray(1);
  const payment = kind === 'p2wpkh'
    ? bitcoin.payments.p2wpkh({ pubkey, network })
    : bitcoin.payments.p2tr({ internalPubkey: internal, network });
  const pair = ECPair.fromPrivateKey(node.privateKey, { network });
  const signer = kind === 'p2wpkh' ? pair : pair.tweak(bitcoin.crypto.taggedHash('TapTweak', internal));
  return { network, kind, path, pubkey, internal, signer, address: payment.address, script: payment.output };
}

// A transaction that pays the lane with one of its outputs. Every second one has a witness.
function origin(of, name, value) {
  const tx = new bitcoin.Transaction();
  tx.version = 2;
  tx.addInput(some(name + ' spends'), number(name + ' from', 0, 3));
  if (number(name + ' witness', 0, 1)) tx.setWitness(0, [some(name + ' signature'), some(name + ' key')]);
  const vout = number(name + ' vout', 0, 2);
  for (let at = 0; at < vout; at += 1) tx.addOutput(some(name + ' other').subarray(0, 22), 1000n + BigInt(at));
  tx.addOutput(of.script, BigInt(value));
  const bare = tx.clone();
  bare.stripWitnesses();
  return { tx, bare, vout, value };
}

// The order of BIP-69.
const written = (input) => input.tx.getId();
const inOrder = (a, b) => (written(a) < written(b) ? -1 : written(a) > written(b) ? 1 : a.vout - b.vout);
const outOrder = (a, b) => (a.value !== b.value ? (a.value < b.value ? -1 : 1) : Buffer.compare(a.script, b.script));

function psbt(of, inputs, outputs, forSigning) {
  const result = new bitcoin.Psbt({ network: of.network });
  result.setVersion(2);
  result.setLocktime(0);
  for (const { tx, bare, vout, value } of inputs) {
    result.addInput({
      hash: tx.getId(),
      index: vout,
      sequence: 0xfffffffd,
      witnessUtxo: { script: of.script, value: BigInt(value) },
      ...(of.kind === 'p2wpkh' ? { nonWitnessUtxo: bare.toBuffer() } : {}),
      ...(of.kind === 'p2tr' && forSigning ? { tapInternalKey: of.internal } : {}),
    });
  }
  for (const output of outputs) result.addOutput(output);
  return result;
}

function vector(networkId, kind, name, recipients, inputCount, hasChange) {
  const of = lane(networkId, kind);
  const title = `${networkId} ${kind}: ${name}`;
  // The first two payments may be one and the same.
  const which = (at) => (name === 'the same twice' && at === 1 ? 0 : at);
  const payments = recipients.map((to, at) => ({
    address: address(to, `${title} to ${which(at)}`, of.network),
    amount_sat: number(`${title} amount ${which(at)}`, 10_000, 5_000_000),
  }));
  const paid = payments.reduce((sum, it) => sum + it.amount_sat, 0);
  const fee = number(`${title} fee`, 500, 50_000);
  const change = hasChange ? number(`${title} change`, 10_000, 9_000_000) : 0;
  const each = Math.floor((paid + fee + change) / inputCount);
  const inputs = Array.from({ length: inputCount }, (_, at) => {
    const rest = paid + fee + change - each * (inputCount - 1);
    return origin(of, `${title} coin ${at}`, at === 0 ? rest : each);
  }).sort(inOrder);
  const outputs = payments.map((it) => ({
    script: Buffer.from(bitcoin.address.toOutputScript(it.address, of.network)), value: BigInt(it.amount_sat),
  }));
  if (hasChange) outputs.push({ script: Buffer.from(of.script), value: BigInt(change) });
  outputs.sort(outOrder);

  const signed = psbt(of, inputs, outputs, true);
  signed.setMaximumFeeRate(1_000_000);
  // ECDSA signatures are tried again until r is low, as Bitcoin Core does (the second argument), and
  // Schnorr signatures are made with auxiliary randomness of zeros (the third).
  signed.signAllInputs({
    publicKey: of.signer.publicKey,
    sign: (digest) => of.signer.sign(digest, true),
    signSchnorr: (digest) => ecc.signSchnorr(digest, of.signer.privateKey, Buffer.alloc(32)),
  });
  signed.finalizeAllInputs();
  const tx = signed.extractTransaction();
  return {
    name: title, network: networkId, key_path: of.path, lane: of.address, payments,
    coins: inputs.map(({ tx: made, vout, value }) => ({ made_by: hex(made.toBuffer()), vout, value_sat: value })),
    change_sat: hasChange ? change : null,
    fee_sat: fee,
    psbt: hex(psbt(of, inputs, outputs, false).toBuffer()),
    raw: hex(tx.toBuffer()), txid: tx.getId(), vsize: tx.virtualSize(),
  };
}

const vectors = [];
for (const networkId of ['bitcoin', 'litecoin']) {
  for (const kind of ['p2wpkh', 'p2tr']) {
    const add = (...rest) => vectors.push(vector(networkId, kind, ...rest));
    for (const to of KINDS) add(`to ${to}`, [to], 1, true);
    add('without change', ['p2wpkh'], 2, false);
    add('of all kinds', KINDS, 3, true);
    add('the same twice', ['p2tr', 'p2tr', 'p2sh'], 2, true);
    add('of ten', [...KINDS, ...KINDS], 5, true);
  }
}
vectors.push(vector('bitcoin', 'p2wpkh', 'of a hundred', Array.from({ length: 100 }, () => 'p2wpkh'), 1, true));
vectors.push(vector('bitcoin', 'p2tr', 'with three bytes of counts', Array.from({ length: 253 }, (_, at) => KINDS[at % 5]), 1, true));
fs.writeFileSync(new URL('transactions.json', import.meta.url), JSON.stringify(vectors, null, 1) + '\n');
console.log(vectors.length, 'transactions');
