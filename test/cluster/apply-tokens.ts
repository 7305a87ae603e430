/** The Secret of a pull secret as the controller writes it, with tokens that a test chooses. */
import { Secret } from "@ocir-broker/foundation/secret";
import { secretManifest } from "../../packages/pull-secrets/src/objects/secret-content.ts";
import { requestAs } from "./impersonation.ts";
import type { KubernetesNode } from "./kubernetes-node.ts";
import { NAME, secretPath } from "./pull-secret-objects.ts";

/**
 * @param ownerUid of the resource of the same name, which must exist: the garbage collector deletes a Secret without its owner.
 * @param tokens by registry host
 */
export async function applyTokens(
  { root }: KubernetesNode,
  namespace: string,
  ownerUid: string,
  tokens: Readonly<Record<string, string>>,
): Promise<void> {
  const times = { fetchedAtMs: 0, expiresAtMs: 3_600_000, renewAtMs: 1_800_000 };
  const issued = Object.entries(tokens).map(([host, token]) => [host, { token: new Secret(token), ...times }] as const);
  const content = { subject: "ocir-pull/1", ownerUid, tokens: new Map(issued), formats: [] };
  const manifest = secretManifest({ namespace, name: NAME }, content);
  const { status, body } = await requestAs(root)("APPLY", secretPath(namespace), manifest);
  if (status >= 300) throw new Error(body.message);
}
