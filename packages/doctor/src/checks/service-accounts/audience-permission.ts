/**
 * Queries the API server, with the kubelet's credentials, whether the kubelet may request service-account tokens for the audience
 * (KEP-4412): a SelfSubjectAccessReview, which every authenticated user may send.
 */
import { dirname, resolve } from "node:path";
import { createClusterConnection } from "@ocir-broker/credentials/service-accounts/cluster";
import { currentEntry } from "@ocir-broker/credentials/service-accounts/kubeconfig";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { Secret } from "@ocir-broker/foundation/secret";
import { type NodeFiles, textOf } from "@ocir-broker/node/node-files";
import * as z from "zod";
import { attempt } from "../../attempt.ts";
import type { CheckContext } from "../../check-context.ts";
import { type Finding, finding, notChecked } from "../../finding.ts";
import { quoted } from "../../quoted.ts";

const VERB = "request-serviceaccounts-token-audience";

const text = z.string().optional();
const secret = z
  .string()
  .transform((revealed) => secretOf(revealed))
  .optional();
const kubeconfigUser = z.object({
  token: secret,
  tokenFile: text,
  "client-certificate": text,
  "client-certificate-data": text,
  "client-key": text,
  "client-key-data": secret,
});

const review = z.object({ status: z.object({ allowed: z.boolean() }) });

/** Undefined if there is no kubeconfig. */
export async function audiencePermission(audience: string, context: CheckContext): Promise<Finding | undefined> {
  const { config, clock, files, signal } = context;
  const path = config.serviceAccounts.kubeconfig;
  if ("failure" in files.stat(path)) return undefined;
  const credentials = readKubeletCredentials(path, context.files);
  if (credentials === undefined) return unknown("kubeconfig", `${path}: a certificate or token of the kubelet`);
  const { clientCertificate, token } = credentials;
  const cluster = createClusterConnection({ config, clock, clientCertificate });
  const asked = await attempt(
    (async () => {
      const url = new URL("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", cluster.apiServer());
      const headers = {
        "content-type": "application/json",
        ...(token !== undefined && { authorization: `Bearer ${token.reveal()}` }),
      };
      const body = JSON.stringify({
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes: { group: "", resource: audience, verb: VERB } },
      });
      return cluster.send({ method: "POST", url, headers, body, signal });
    })(),
  );
  await cluster.close();
  if ("error" in asked) return unknown(codeOf(asked.error), "a response of the API server");
  const { data } = review.safeParse(parseJson(asked.value.body));
  if (data === undefined) return unknown(`status ${asked.value.status}`, "a response of the API server");
  const seen = `${VERB} on ${audience}`;
  if (data.status.allowed) return finding("audience-allowed", seen);
  const grant = `ocir-broker kubelet-config grants ${quoted(audience)} | kubectl apply -f -`;
  const fix = `${grant} (with the chart: serviceAccountTokens.audiences), unless rules of yours allow single service accounts`;
  return finding("audience-forbidden", seen, { fix });
}

function unknown(cause: string, need: string): Finding {
  return notChecked("the kubelet's permission for the audience", cause, `it needs ${need}`);
}

/** Undefined if the user of the current context has none that can be read, for example with an exec plugin. */
export function readKubeletCredentials(path: string, files: NodeFiles) {
  const read = (file: string | undefined) =>
    file === undefined ? undefined : textOf(files.readText(resolve(dirname(path), file)));
  const { data: user } = kubeconfigUser.safeParse(currentEntry("user", read(path) ?? ""));
  if (user === undefined) return undefined;
  const certificate = decoded(user["client-certificate-data"]) ?? read(user["client-certificate"]);
  const key = secretOf(decoded(user["client-key-data"]?.reveal()) ?? read(user["client-key"]));
  if (certificate && key) return { clientCertificate: { certificate, key } };
  const token = user.token ?? secretOf(read(user.tokenFile)?.trim());
  return token && { token };
}

function decoded(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString();
}

function secretOf(text: string | undefined): Secret | undefined {
  return text ? new Secret(text) : undefined;
}
