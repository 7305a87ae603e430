import { expect, it } from "vitest";
import type { PullSecret } from "../objects/pull-secret.ts";
import { parseSettings } from "../settings.ts";
import { refusalOf, rulesOf } from "./rules.ts";

const POD = { POD_NAME: "pod-1", POD_NAMESPACE: "ocir", OCIR_PULL_SECRETS_NAMES: "ocir-pull" };
const OWN = {
  OCIR_PULL_SECRETS_IDENTITY: "controller",
  OCIR_PULL_SECRETS_SERVICE_ACCOUNT: "pulls",
  OCIR_PULL_SECRETS_NAMESPACES: "shop",
};
const DOMAIN = {
  OCIR_PULL_SECRETS_IDENTITY_DOMAIN: "https://idcs.example",
  OCIR_PULL_SECRETS_CLIENT_ID: "client",
  OCIR_PULL_SECRETS_AUDIENCE: "pulls",
};
const NONE_SELECTED = { isSelected: () => false };
const RESOURCE = { namespace: "shop", name: "ocir-pull", serviceAccountName: "puller" } as PullSecret;

it.each([
  ["the service account on OKE", { OCIR_PULL_SECRETS_IDENTITY: "serviceAccount" }, /namespace = 'shop'.*'puller'/],
  ["a service user", { OCIR_PULL_SECRETS_IDENTITY: "serviceAccount", ...DOMAIN }, /^Allow group GROUP to read repos/],
  ["the controller's own account", OWN, /namespace = 'ocir'.*'pulls'/],
  ["the node", { ...OWN, OCIR_PULL_SECRETS_PRINCIPAL: "instance" }, /^Allow dynamic-group GROUP to read repos/],
])("the policy names %s", (_who, environment, statement) => {
  expect(rulesOf(parseSettings({ ...POD, ...environment }), NONE_SELECTED).policyOf(RESOURCE)).toMatch(statement);
});

it.each([
  ["allows Oracle's hosts and those of the chart's value", {}, undefined],
  ["allows no other host", { registries: ["mirror.example"] }, { code: "registry-foreign", place: "mirror.example" }],
  ["allows listed namespaces only", { namespace: "other" }, { code: "namespace-not-allowed", place: "other" }],
  [
    "allows no service account beside the controller's",
    { serviceAccountName: "puller" },
    { code: "service-account-not-used", place: "puller" },
  ],
])("refusalOf %s", (_what, fields, refusal) => {
  const environment = { ...POD, ...OWN, OCIR_PULL_SECRETS_EXTRA_HOSTS: "mirror.example:5000" };
  const registries = ["iad.ocir.io", "mirror.example:5000"];
  const resource = { ...RESOURCE, serviceAccountName: undefined, registries, ...fields };
  expect(refusalOf(resource, rulesOf(parseSettings(environment), NONE_SELECTED))).toEqual(refusal);
});
