import { expect, it } from "vitest";
import type { PullSecret } from "../objects/pull-secret.ts";
import { parseSettings } from "../settings.ts";
import { policyOf } from "./policy.ts";

const POD = { POD_NAME: "pod-1", POD_NAMESPACE: "ocir", OCIR_PULL_SECRETS_NAMES: "ocir-pull" };
const OWN = { OCIR_PULL_SECRETS_IDENTITY: "controller", OCIR_PULL_SECRETS_NAMESPACES: "shop" };
const DOMAIN = {
  OCIR_PULL_SECRETS_IDENTITY_DOMAIN: "https://idcs.example",
  OCIR_PULL_SECRETS_CLIENT_ID: "client",
  OCIR_PULL_SECRETS_AUDIENCE: "pulls",
};
const RESOURCE = { namespace: "shop", name: "ocir-pull", serviceAccountName: "puller" } as PullSecret;

it.each([
  ["the service account on OKE", { OCIR_PULL_SECRETS_IDENTITY: "serviceAccount" }, /namespace = 'shop'.*'puller'/],
  ["a service user", { OCIR_PULL_SECRETS_IDENTITY: "serviceAccount", ...DOMAIN }, /^Allow group GROUP to read repos/],
  ["the controller's own account", OWN, /namespace = 'ocir'.*'ocir-pull-secrets'/],
  ["the node", { ...OWN, OCIR_PULL_SECRETS_PRINCIPAL: "instance" }, /^Allow dynamic-group GROUP to read repos/],
])("policyOf names %s", (_who, environment, statement) => {
  expect(policyOf(parseSettings({ ...POD, ...environment }), RESOURCE)).toMatch(statement);
});
