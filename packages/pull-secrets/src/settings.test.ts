import { expect, it } from "vitest";
import { parseSettings } from "./settings.ts";

const POD = { POD_NAME: "pod-1", POD_NAMESPACE: "ocir", OCIR_PULL_SECRETS_NAMES: "ocir-pull, builder" };
const OWN = { ...POD, OCIR_PULL_SECRETS_IDENTITY: "controller", OCIR_PULL_SECRETS_NAMESPACES: "shop,site" };
const ACCOUNTS = { ...POD, OCIR_PULL_SECRETS_IDENTITY: "serviceAccount" };
const DOMAIN = { OCIR_PULL_SECRETS_IDENTITY_DOMAIN: "https://idcs.example", OCIR_PULL_SECRETS_CLIENT_ID: "client" };

it("parseSettings reads the settings of both identities", () => {
  expect(parseSettings({ ...ACCOUNTS, OCIR_PULL_SECRETS_EXTRA_HOSTS: "a.example,b.example:5000" })).toEqual({
    names: new Set(["ocir-pull", "builder"]),
    extraHosts: new Set(["a.example", "b.example:5000"]),
    identity: { kind: "service-account", exchange: { kind: "oke" } },
    proxy: { https: undefined, noProxy: undefined },
    pod: "pod-1",
    namespace: "ocir",
  });
  const namespaces = new Set(["shop", "site"]);
  const own = { kind: "controller", principal: "workload", namespaces };
  expect(parseSettings(OWN).identity).toEqual(own);
  const selected = { ...OWN, OCIR_PULL_SECRETS_NAMESPACES: "", OCIR_PULL_SECRETS_NAMESPACE_SELECTOR: "team in (a)" };
  expect(parseSettings(selected).identity).toEqual({ ...own, namespaces: new Set(), namespaceSelector: "team in (a)" });
});

it("parseSettings reads the proxy as curl does, where an empty variable is none", () => {
  const proxyOf = (environment: Record<string, string>) => parseSettings({ ...ACCOUNTS, ...environment }).proxy;
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
  ["no names", { ...ACCOUNTS, OCIR_PULL_SECRETS_NAMES: "" }, "OCIR_PULL_SECRETS_NAMES is not set"],
  ["an unknown identity", { ...POD, OCIR_PULL_SECRETS_IDENTITY: "node" }, "must be serviceAccount or controller"],
  [
    "the controller's identity without namespaces",
    { ...OWN, OCIR_PULL_SECRETS_NAMESPACES: "" },
    "neither OCIR_PULL_SECRETS_NAMESPACES nor OCIR_PULL_SECRETS_NAMESPACE_SELECTOR is set",
  ],
  ["namespaces for service accounts", { ...OWN, ...ACCOUNTS }, "only for OCIR_PULL_SECRETS_IDENTITY=controller"],
  [
    "a selector for service accounts",
    { ...ACCOUNTS, OCIR_PULL_SECRETS_NAMESPACE_SELECTOR: "a" },
    "only for OCIR_PULL_SECRETS_IDENTITY=controller",
  ],
  ["an unknown principal", { ...OWN, OCIR_PULL_SECRETS_PRINCIPAL: "user" }, "must be workload or instance"],
  ["an identity domain without an audience", { ...ACCOUNTS, ...DOMAIN }, "OCIR_PULL_SECRETS_AUDIENCE is not set"],
  [
    "an identity domain without TLS",
    { ...ACCOUNTS, ...DOMAIN, OCIR_PULL_SECRETS_IDENTITY_DOMAIN: "http://idcs.example" },
    "is not an https address",
  ],
  ["an audience on OKE", { ...ACCOUNTS, OCIR_PULL_SECRETS_AUDIENCE: "oci" }, "on OKE it is the API server's own"],
])("parseSettings refuses %s", (_what, environment, message) => {
  expect(() => parseSettings(environment)).toThrow(message);
});
