// A node for tests that makes blocks only when it is told to.
import { defineConfig } from "hardhat/config";

const mining = { auto: false, interval: 0 };

export default defineConfig({ networks: { node: { type: "edr-simulated", mining } } });
