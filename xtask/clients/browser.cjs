// What the samples for browsers find there and Node.js does not have.
globalThis.axios = require("axios");
globalThis.XMLHttpRequest = require("xhr2");
