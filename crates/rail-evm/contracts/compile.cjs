// Compiles Payouts.sol and the contracts that test it:
//   npm install solc@0.8.37 && node compile.cjs
// Writes Payouts.hex (what creates the contract), Payouts.runtime.hex (what the contract then is,
// with its own address inside), and the tests' contracts in tests/data. Prints the address.
const solc = require('solc');
const { keccak256 } = require('js-sha3');
const fs = require('fs');
const path = require('path');
const file = (name) => path.join(__dirname, name);
const TESTS = '../tests/data/';

// The proxy that puts code where CREATE2 says, with a salt of zeros:
// https://github.com/Arachnid/deterministic-deployment-proxy
const PROXY = '4e59b44847b379578588920ca78fbf26c0b4956c';
const SALT = '00'.repeat(32);

function compile(source, contract) {
  const output = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity',
    sources: { [contract]: { content: fs.readFileSync(file(source), 'utf8') } },
    settings: {
      evmVersion: 'paris',
      optimizer: { enabled: true, runs: 1000000 },
      metadata: { appendCBOR: false, bytecodeHash: 'none' },
      outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.deployedBytecode'] } },
    },
  })));
  for (const error of output.errors ?? []) console.error(error.formattedMessage);
  return output.contracts[contract][contract].evm;
}

function write(name, hex) {
  fs.writeFileSync(file(name), hex + '\n');
  console.log(name, hex.length / 2, 'bytes');
}

const { bytecode, deployedBytecode } = compile('Payouts.sol', 'Payouts');
const creation = bytecode.object;
const hash = keccak256(Buffer.from(creation, 'hex'));
const address = keccak256(Buffer.from('ff' + PROXY + SALT + hash, 'hex')).slice(24);
let runtime = deployedBytecode.object;
for (const { start, length } of Object.values(deployedBytecode.immutableReferences).flat()) {
  const word = address.padStart(2 * length, '0');
  runtime = runtime.slice(0, 2 * start) + word + runtime.slice(2 * (start + length));
}
write('Payouts.hex', creation);
write('Payouts.runtime.hex', runtime);
console.log('keccak256 of what creates it', '0x' + hash);
console.log('keccak256 of what it then is', '0x' + keccak256(Buffer.from(runtime, 'hex')));
console.log('address', '0x' + address);
for (const name of ['BulkToken', 'BulkRecipient']) {
  write(`${TESTS}${name}.hex`, compile(`${TESTS}${name}.sol`, name).bytecode.object);
}
