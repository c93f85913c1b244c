// What the programs for Node.js share: a line for each step, as `steps.py` says.
const assert = require("node:assert/strict");

const BASE = process.env.BASE.replace(/\/$/, "");
const RUN = process.env.RUN ?? process.hrtime.bigint().toString(16);
const WEBHOOKS = `${BASE}/sandbox/webhooks`;
const PATIENCE_MS = 30_000;

function say(verdict, name, why) {
  const line = why === undefined ? `${verdict} ${name}` : `${verdict} ${name}: ${why}`;
  console.log(line.replace(/\s+/g, " ").slice(0, 400));
}

/** A step that must succeed. */
async function step(name, run) {
  try {
    await run();
    say("ok", name);
  } catch (error) {
    say("FAIL", name, `${error?.name}: ${error?.message}`);
  }
}

/** A step that the client cannot do: what fails inside, and how, is asserted. */
async function clientBug(name, what, run) {
  try {
    await run();
    say("client-bug", name, what);
  } catch (error) {
    say("FAIL", name, `${error?.name}: ${error?.message}`);
  }
}

/** Looks until there is something to see, and returns it. */
async function wait(what, look) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const seen = await look();
    if (seen) return seen;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain: ${what}`);
}

/** The body of a webhook that has all these words. */
async function delivered(...words) {
  return wait(`a webhook with ${words}`, async () => {
    const lines = (await (await fetch(WEBHOOKS)).text()).split("\n");
    const bodies = lines.map((line) => line.slice(line.indexOf(" ") + 1));
    return bodies.find((body) => words.every((word) => body.includes(word)));
  });
}

module.exports = { assert, BASE, RUN, WEBHOOKS, step, clientBug, wait, delivered };
