// The parts of undici that our programs bundle in place of undici's index (bundle.ts): all of it, with fetch, WebSocket,
// mocks and caches, takes a quarter of the start. The sources import undici as it is, and so do their tests.
const api = require("undici/lib/api");
const Dispatcher = require("undici/lib/dispatcher/dispatcher");

// As the index does it; a proxy is reached by `connect`.
Object.assign(Dispatcher.prototype, api);

module.exports = {
  Agent: require("undici/lib/dispatcher/agent"),
  EnvHttpProxyAgent: require("undici/lib/dispatcher/env-http-proxy-agent"),
  Pool: require("undici/lib/dispatcher/pool"),
  errors: require("undici/lib/core/errors"),
  request(url, { dispatcher, method = "GET", ...options }) {
    const { origin, pathname, search } = new URL(url);
    return dispatcher.request({ ...options, method, origin, path: `${pathname}${search}` });
  },
};
