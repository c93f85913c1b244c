// Makes vectors.json with an independent implementation:
//   npm install ethers@6.17.0 && node vectors.mjs
import fs from 'node:fs';
import { ethers } from 'ethers';

// The first account of the well-known test mnemonic "test test ... junk".
const wallet = new ethers.Wallet('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const erc20 = new ethers.Interface(['function transfer(address,uint256)']);
const payouts = new ethers.Interface(['function pay(address,uint256[]) payable']);
const USDT = '0xdAC17F958D2ee523a2206206994597C13D831ec7';
const RECIPIENT = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const MAX = 2n ** 127n - 1n;
const WORD_MAX = 2n ** 96n - 1n;

// Where Payouts.sol is, by EIP-1014.
const creation = '0x' + fs.readFileSync(new URL('../../contracts/Payouts.hex', import.meta.url), 'utf8').trim();
const PAYOUTS = ethers.getCreate2Address(
  '0x4e59b44847b379578588920cA78FbF26c0B4956C', ethers.ZeroHash, ethers.keccak256(creation));

// Recipients and amounts that look like such, from a seed.
const some = (count, name) => Array.from({ length: count }, (_, at) => {
  const hash = ethers.id(`${name} ${at}`);
  return [ethers.getAddress('0x' + hash.slice(26)), BigInt(hash.slice(0, 18)) + 1n];
});

const singles = [
  { name: 'native, all small', chain_id: 1, nonce: 0, gas_limit: 21000, max_fee: 1n, tip: 0n, token: null, amount: 1n },
  { name: 'native, ordinary', chain_id: 56, nonce: 127, gas_limit: 21000, max_fee: 30000000000n, tip: 1500000000n, token: null, amount: 10n ** 18n },
  { name: 'native, largest amount', chain_id: 11155111, nonce: 128, gas_limit: 30000, max_fee: MAX, tip: MAX, token: null, amount: MAX },
  { name: 'token, ordinary', chain_id: 1, nonce: 255, gas_limit: 81250, max_fee: 41000000001n, tip: 1000000001n, token: USDT, amount: 1500000n },
  { name: 'token, largest numbers', chain_id: 43114, nonce: 2 ** 40, gas_limit: 1000000, max_fee: 500000000000n, tip: 256n, token: USDT, amount: MAX },
].map(({ amount, ...it }) => ({ format: 'eip1559', method: 'single', payments: [[RECIPIENT, amount]], ...it }));

// The same with the old form, where there is one price, and the chain's number is part of `v`.
const old = singles.map((it) => ({ ...it, format: 'eip155', tip: it.max_fee }));
const chains = [1, 10, 56, 110, 111, 137, 8453, 42161, 43114, 2147483647].map((chain_id, at) => ({
  format: 'eip155', method: 'single', name: `chain ${chain_id}`, chain_id, nonce: 2 ** (5 * at) - 1, gas_limit: 21000 + at,
  max_fee: 2n ** BigInt(10 * at), tip: 2n ** BigInt(10 * at), token: null, payments: [[RECIPIENT, 2n ** BigInt(12 * at) - (at ? 1n : 0n)]],
}));

const lists = { two: some(2, 'two'), equal: [some(1, 'x')[0], some(1, 'x')[0]], ten: some(10, 'ten'),
  edges: [[RECIPIENT, 1n], [RECIPIENT, WORD_MAX], ['0x' + 'ff'.repeat(20), 2n ** 64n], ['0x' + '00'.repeat(19) + '01', 256n]] };
const many = Object.entries(lists).flatMap(([name, payments], at) => [
  { format: at % 2 ? 'eip1559' : 'eip155', method: 'contract', token: null },
  { format: at % 2 ? 'eip155' : 'eip1559', method: 'contract', token: USDT },
  { format: 'eip1559', method: 'delegate', token: at % 2 ? null : USDT },
].map((it) => ({ ...it, name: `${name}, ${it.method}, ${it.format}`, chain_id: [1, 137, 56][at % 3], nonce: 126 + at, gas_limit: 60000 * payments.length,
  max_fee: 123456789n, tip: it.format === 'eip155' ? 123456789n : 3n, payments })));
const hundred = { ...many[0], name: 'hundred', gas_limit: 3000000, payments: some(100, 'hundred') };

const delegations = [[1, 0], [10, 126], [56, 127], [137, 254], [11155111, 255], [4294967296, 65535], [8453, 2 ** 40]].map(([chain_id, nonce], at) => ({
  format: 'eip7702', method: 'delegation', name: `delegation ${at}`, chain_id, nonce, gas_limit: 46000 + at, max_fee: 10n ** BigInt(2 * at + 1), tip: BigInt(at),
  token: null, payments: [],
}));

const hex = (it) => it.r + it.s.slice(2) + (it.yParity ? '01' : '00');
const number = (it) => ethers.toBeArray(it);

function meaning({ method, token, payments }) {
  const [[recipient, amount] = []] = payments;
  if (method === 'delegation') return { to: wallet.address, value: 0n, data: '0x' };
  if (method === 'single' && !token) return { to: recipient, value: amount, data: '0x' };
  if (method === 'single') return { to: token, value: 0n, data: erc20.encodeFunctionData('transfer', [recipient, amount]) };
  const words = payments.map(([to, units]) => (units << 160n) | BigInt(to));
  const sum = payments.reduce((total, [, units]) => total + units, 0n);
  return {
    to: method === 'contract' ? PAYOUTS : wallet.address,
    value: method === 'contract' && !token ? sum : 0n,
    data: payouts.encodeFunctionData('pay', [token ?? ethers.ZeroAddress, words]),
  };
}

function vector(it) {
  const { to, value, data } = meaning(it);
  const type = { eip155: 0, eip1559: 2, eip7702: 4 }[it.format];
  const price = type ? { maxFeePerGas: it.max_fee, maxPriorityFeePerGas: it.tip } : { gasPrice: it.max_fee };
  let [signatures, authorizationList, payload] = ['', undefined, undefined];
  if (type === 4) {
    const authorization = { chainId: BigInt(it.chain_id), address: PAYOUTS, nonce: BigInt(it.nonce + 1) };
    const signature = wallet.signingKey.sign(ethers.hashAuthorization(authorization));
    authorizationList = [{ ...authorization, signature }];
    signatures = hex(signature);
    // The ten fields, with an authorization that nobody has signed.
    payload = ethers.concat(['0x04', ethers.encodeRlp([
      number(it.chain_id), number(it.nonce), number(it.tip), number(it.max_fee), number(it.gas_limit), to, number(value), data, [],
      [[number(it.chain_id), PAYOUTS, number(it.nonce + 1), '0x', '0x', '0x']],
    ])]);
  }
  const tx = ethers.Transaction.from({ type, chainId: it.chain_id, nonce: it.nonce, gasLimit: it.gas_limit, ...price, to, value, data, authorizationList });
  payload ??= tx.unsignedSerialized;
  const signature = wallet.signingKey.sign(tx.unsignedHash);
  tx.signature = signature;
  return {
    ...it, max_fee: it.max_fee.toString(), tip: it.tip.toString(), payments: it.payments.map(([to, units]) => [ethers.getAddress(to), units.toString()]),
    to, value: value.toString(), payload, signature: '0x' + (signatures + hex(signature)).replaceAll('0x', ''),
    raw: tx.serialized, txid: tx.hash, sender: tx.from,
  };
}

const vectors = [...singles, ...old, ...chains, ...many, hundred, ...delegations].map(vector);
fs.writeFileSync(new URL('vectors.json', import.meta.url), '[\n' + vectors.map((it) => JSON.stringify(it)).join(',\n') + '\n]\n');
console.log(vectors.length, 'transactions');
