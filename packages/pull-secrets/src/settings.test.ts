import { expect, it } from "vitest";
import { parseSettings } from "./settings.ts";

const WITH_NAMES = { NAMES: "ocir-pull, builder" };
const OWN = { ...WITH_NAMES, IDENTITY: "controller", SERVICE_ACCOUNT: "pulls", NAMESPACES: "shop,site" };
const ACCOUNTS = { ...WITH_NAMES, IDENTITY: "serviceAccount" };
const DOMAIN = { IDENTITY_DOMAIN: "https://idcs.example", CLIENT_ID: "client" };

/** `settings` without their prefix, and other variables. */
function parse(settings: object, environment: Readonly<Record<string, string>> = {}) {
  const own = Object.entries(settings).map(([name, value]) => [`OCIR_PULL_SECRETS_${name}`, value]);
  return parseSettings({ POD_NAME: "pod-1", POD_NAMESPACE: "ocir", ...Object.fromEntries(own), ...environment });
}

it("parseSettings reads the settings of both identities", () => {
  expect(parse({ ...ACCOUNTS, EXTRA_HOSTS: "a.example,b.example:5000" })).toEqual({
    names: new Set(["ocir-pull", "builder"]),
    extraHosts: new Set(["a.example", "b.example:5000"]),
    identity: { kind: "service-account", exchange: { kind: "oke" } },
    proxy: { https: undefined, noProxy: undefined },
    pod: "pod-1",
    namespace: "ocir",
  });
  const namespaces = new Set(["shop", "site"]);
  const own = { kind: "controller", principal: "workload", serviceAccount: "pulls", namespaces };
  expect(parse(OWN).identity).toEqual(own);
  const selected = { ...OWN, NAMESPACES: "", NAMESPACE_SELECTOR: "team in (a)" };
  expect(parse(selected).identity).toEqual({ ...own, namespaces: new Set(), namespaceSelector: "team in (a)" });
});

it("parseSettings reads the proxy as curl does, where an empty variable is none", () => {
  const proxyOf = (environment: Record<string, string>) => parse(ACCOUNTS, environment).proxy;
  expect(proxyOf({ HTTPS_PROXY: "http://a:1", https_proxy: "http://b:1", NO_PROXY: "x" })).toEqual({
    https: "http://a:1",
    noProxy: "x",
  });
  expect(proxyOf({ HTTPS_PROXY: "", https_proxy: "http://b:1", no_proxy: "y" })).toEqual({
    https: "http://b:1",
    noProxy: "y",
  });
});

it.each([
  ["no names", { ...ACCOUNTS, NAMES: "" }, "OCIR_PULL_SECRETS_NAMES is not set"],
  ["an unknown identity", { ...WITH_NAMES, IDENTITY: "node" }, "must be serviceAccount or controller"],
  [
    "the controller's identity without namespaces",
    { ...OWN, NAMESPACES: "" },
    "neither OCIR_PULL_SECRETS_NAMESPACES nor OCIR_PULL_SECRETS_NAMESPACE_SELECTOR is set",
  ],
  ["an unknown principal", { ...OWN, PRINCIPAL: "user" }, "must be workload or instance"],
  ["an identity domain without an audience", { ...ACCOUNTS, ...DOMAIN }, "OCIR_PULL_SECRETS_AUDIENCE is not set"],
  ["a domain without TLS", { ...ACCOUNTS, ...DOMAIN, IDENTITY_DOMAIN: "http://a.test" }, "is not an https address"],
])("parseSettings refuses %s", (_what, settings, message) => {
  expect(() => parse(settings)).toThrow(message);
});
