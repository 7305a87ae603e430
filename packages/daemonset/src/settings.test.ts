import { expect, it } from "vitest";
import { parseSettings } from "./settings.ts";

const GOOD = {
  NODE: "a",
  POD: "p",
  NAMESPACE: "n",
  REVISION: "5d4f",
  IMAGE: "/i",
  LEASE_SECONDS: "900",
  KUBELET_RESTART: "never",
  MODE: "install",
};
const parse = (values: object) => {
  const variables = Object.entries({ ...GOOD, ...values }).map(([name, value]) => [`OCIR_BROKER_${name}`, value]);
  return parseSettings(Object.fromEntries(variables));
};

it.each([
  [{ NODE: "" }, "OCIR_BROKER_NODE is not set: apply the whole manifest"],
  [{ LEASE_SECONDS: "29" }, "OCIR_BROKER_LEASE_SECONDS is 29, but must be a whole number from 30 on"],
  [{ KUBELET_RESTART: "now" }, "OCIR_BROKER_KUBELET_RESTART is now, but must be oneByOne or never"],
  [{ MODE: "uninstall" }, "OCIR_BROKER_MODE is uninstall, but must be install or remove"],
])("parseSettings rejects %j", (values, message) => {
  expect(() => parse(values)).toThrow(message);
});

it.each([
  [{}, undefined],
  [{ SERVICE_ACCOUNTS: "" }, undefined],
  [{ SERVICE_ACCOUNTS: "ocir" }, "ocir"],
])("parseSettings reads from %j the audience %j", (values, serviceAccounts) => {
  expect(parse(values)).toMatchObject({ leaseSeconds: 900, mayRestart: false, serviceAccounts });
});
