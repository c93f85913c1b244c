// Compiles the contracts of the tests, and the probe of ../../contracts, to .hex files beside their
// sources:
//   npm install solc@0.8.37 && node compile.cjs
const solc = require('solc');
const fs = require('fs');
const path = require('path');
const file = (name) => path.join(__dirname, name);

function compile(source) {
  const output = JSON.parse(solc.compile(JSON.stringify({
    language: 'Solidity',
    sources: { source: { content: fs.readFileSync(file(source), 'utf8') } },
    settings: {
      evmVersion: 'paris',
      optimizer: { enabled: true, runs: 200 },
      metadata: { appendCBOR: false },
      outputSelection: { '*': { '*': ['evm.bytecode.object', 'evm.deployedBytecode.object'] } },
    },
  })));
  for (const error of output.errors ?? []) console.error(error.formattedMessage);
  return output.contracts.source;
}

function write(name, code) {
  if (code.object !== '') fs.writeFileSync(file(name), code.object + '\n');
}

for (const source of ['TestToken.sol', 'Tokens.sol', 'FullToken.sol']) {
  for (const [name, { evm }] of Object.entries(compile(source))) {
    write(`${name}.hex`, evm.bytecode);
  }
}
// What runs, not what puts it on a chain.
write('../../contracts/Probe.hex', compile('../../contracts/Probe.sol').Probe.evm.deployedBytecode);
