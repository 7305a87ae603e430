/**
 * The Secret of an OCIRPullSecret: its manifest for server-side apply, and what the controller reads from one in the cluster. The
 * tokens' times are in an annotation, so that a restart needs no request to Oracle.
 */
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { Secret } from "@ocir-broker/foundation/secret";
import { bearerCredentials, type RegistryCredentials } from "@ocir-broker/protocol/auth";
import * as z from "zod";
import { type Format, type FormatFields, fieldsOf, formatsIn } from "./format.ts";
import type { IssuedToken } from "./issued-token.ts";
import { API_VERSION, KIND, MANAGER, type PullSecret, TOKENS_ANNOTATION } from "./pull-secret.ts";

export interface SecretContent {
  /** The identity of the tokens; empty without tokens. */
  readonly subject: string;
  /** UID of the resource that owns the Secret. */
  readonly ownerUid: string;
  /** By registry host. */
  readonly tokens: ReadonlyMap<string, IssuedToken>;
  /** The formats that the Secret also has; empty unless there is exactly one token. */
  readonly formats: readonly Format[];
}

export type KnownSecret =
  | { readonly kind: "ours"; readonly content: SecretContent }
  /** Managed by another program, or of another type: never changed. */
  | { readonly kind: "foreign"; readonly why: string };

const TYPE = "kubernetes.io/dockerconfigjson";
const DATA_KEY = ".dockerconfigjson";
const LABEL = "app.kubernetes.io/managed-by";

const secretObject = z.object({
  metadata: z.object({
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
    ownerReferences: z.array(z.object({ kind: z.string(), uid: z.string() })).default([]),
    managedFields: z
      .array(z.object({ manager: z.string().default(""), fieldsV1: z.record(z.string(), z.unknown()).default({}) }))
      .default([]),
  }),
  type: z.string(),
  immutable: z.boolean().default(false),
  data: z.record(z.string(), z.string()).default({}),
});

const time = z.iso.datetime().transform((text) => Date.parse(text));

const annotation = z.object({
  subject: z.string(),
  tokens: z.record(z.string(), z.object({ fetched: time, expires: time, renew: time })),
});

const dockerConfig = z.object({ auths: z.record(z.string(), z.object({ password: z.string() })) });

export function readSecret(object: unknown): KnownSecret {
  const { data: secret } = secretObject.safeParse(object);
  const why = secret === undefined ? "it cannot be read" : whyForeign(secret);
  if (secret === undefined || why !== undefined) return { kind: "foreign", why: why ?? "" };
  const owner = secret.metadata.ownerReferences.find(({ kind }) => kind === KIND);
  const times = annotation.safeParse(parseJson(secret.metadata.annotations[TOKENS_ANNOTATION] ?? "")).data;
  const text = Buffer.from(secret.data[DATA_KEY] ?? "", "base64").toString();
  const auths = dockerConfig.safeParse(parseJson(text)).data?.auths ?? {};
  const tokens = new Map<string, IssuedToken>();
  for (const [host, { fetched, expires, renew }] of Object.entries(times?.tokens ?? {})) {
    const token = auths[host]?.password;
    if (token === undefined) continue;
    tokens.set(host, { token: new Secret(token), fetchedAtMs: fetched, expiresAtMs: expires, renewAtMs: renew });
  }
  const { formats, isWhole } = formatsIn(fieldsIn(secret), ...soleLogin(tokens));
  // An entry without its times, or an incomplete format, belongs to no subject, so it is replaced.
  const isKnown = isWhole && Object.keys(auths).every((host) => tokens.has(host));
  const subject = isKnown ? (times?.subject ?? "") : UNKNOWN_SUBJECT;
  return { kind: "ours", content: { subject, ownerUid: owner?.uid ?? "", tokens, formats } };
}

function fieldsIn({ metadata: { labels }, data }: z.infer<typeof secretObject>): FormatFields {
  const texts = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]);
  return { labels, data: Object.fromEntries(texts) };
}

/** The login of the only token, or empty. */
function soleLogin(tokens: SecretContent["tokens"]): [host: string, credentials: RegistryCredentials] {
  const [only] = tokens.size === 1 ? tokens : [];
  return only === undefined ? ["", NO_LOGIN] : [only[0], bearerCredentials(only[1].token.reveal())];
}

const UNKNOWN_SUBJECT = "?";
const NO_LOGIN: RegistryCredentials = { username: "", password: "" };

function whyForeign(secret: z.infer<typeof secretObject>): string | undefined {
  const { labels, managedFields } = secret.metadata;
  const other = managedFields.find(({ manager, fieldsV1 }) => manager !== MANAGER && fieldsV1["f:data"] !== undefined);
  // The type is any text of a tenant's, with line breaks and of any length, and this reason is logged.
  if (secret.type !== TYPE) return `its type is not ${TYPE}`;
  if (secret.immutable) return "it is immutable";
  if (other !== undefined) return `its manager is ${other.manager}`;
  return labels[LABEL] === MANAGER ? undefined : `it lacks the label ${LABEL}=${MANAGER}`;
}

/** The manifest for server-side apply. */
export function secretManifest(resource: Pick<PullSecret, "namespace" | "name">, content: SecretContent): object {
  const { namespace, name } = resource;
  const entries = [...content.tokens];
  const auths = Object.fromEntries(entries.map(([host, { token }]) => [host, authEntry(token)]));
  const tokens = Object.fromEntries(
    entries.map(([host, { fetchedAtMs, expiresAtMs, renewAtMs }]) => [
      host,
      { fetched: iso(fetchedAtMs), expires: iso(expiresAtMs), renew: iso(renewAtMs) },
    ]),
  );
  const { labels, data } = fieldsOf(content.formats, ...soleLogin(content.tokens));
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      namespace,
      name,
      labels: { ...labels, [LABEL]: MANAGER },
      annotations: { [TOKENS_ANNOTATION]: JSON.stringify({ subject: content.subject, tokens }) },
      ownerReferences: [{ apiVersion: API_VERSION, kind: KIND, name, uid: content.ownerUid }],
    },
    type: TYPE,
    data: base64Values({ ...data, [DATA_KEY]: JSON.stringify({ auths }) }),
  };
}

function base64Values(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function authEntry(token: Secret) {
  const credentials = bearerCredentials(token.reveal());
  const auth = Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64");
  return { ...credentials, auth };
}
