/**
 * The Secret of an OCIRPullSecret: its manifest for server-side apply, and what the controller reads from one in the cluster. The
 * tokens' times are in an annotation, so that a restart needs no request to Oracle.
 */
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { Secret } from "@ocir-broker/foundation/secret";
import { bearerCredentials, type RegistryCredentials } from "@ocir-broker/protocol/response";
import * as z from "zod";
import { type Format, fieldsOf, formatsIn, toBase64 } from "./format.ts";
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

/** The API server's limit for the values of a Secret, before base64. */
const MAX_SECRET_BYTES = 1_048_576;
/** The chart's definition allows as many. */
const MAX_HOSTS = 16;
/** Enough for that many hosts of 253 characters. */
const MAX_ANNOTATION_CHARACTERS = 8_192;

/**
 * The API server has checked the types. Not validated again, because a tenant chooses how many keys there are: only those that are
 * needed are looked at.
 */
interface SecretObject {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly uid: string }[];
    readonly managedFields?: readonly {
      readonly manager?: string;
      readonly fieldsV1?: Readonly<Record<string, unknown>>;
    }[];
  };
  readonly type?: string;
  readonly immutable?: boolean;
  readonly data?: Readonly<Record<string, string>>;
}

const time = z.iso.datetime().transform((text) => Date.parse(text));

const annotation = z.object({
  subject: z.string(),
  tokens: z.record(z.string(), z.object({ fetched: time, expires: time, renew: time })),
});

/** One registry in `.dockerconfigjson`, exactly as `authEntry` writes it. */
const ENTRY = String.raw`"[^"\\]{1,253}":\{"username":"\w+","password":"[\w.=-]+","auth":"[\w+/=]+"\}`;
/** JSON.parse makes a hundred times as much of other texts as of ours. */
const OURS = new RegExp(`^\\{"auths":\\{(?:${ENTRY}(?:,${ENTRY}){0,${MAX_HOSTS - 1}})?\\}\\}$`);

/** Never throws: an object that nobody expected must not end the watch of all others. */
export function readSecret(object: unknown): KnownSecret {
  return resultIfAny(() => read(object as SecretObject)) ?? { kind: "foreign", why: "it cannot be read" };
}

function read(secret: SecretObject): KnownSecret {
  const why = whyForeign(secret);
  if (why !== undefined) return { kind: "foreign", why };
  const { labels = {}, annotations, ownerReferences } = secret.metadata;
  const { data = {} } = secret;
  const owner = ownerReferences?.find(({ kind }) => kind === KIND);
  const times = timesIn(annotations?.[TOKENS_ANNOTATION]);
  const auths = authsIn(data[DATA_KEY]);
  const tokens = new Map<string, IssuedToken>();
  for (const [host, { fetched, expires, renew }] of Object.entries(times?.tokens ?? {})) {
    const token = auths?.[host]?.password;
    if (token === undefined) continue;
    tokens.set(host, { token: new Secret(token), fetchedAtMs: fetched, expiresAtMs: expires, renewAtMs: renew });
  }
  const { formats, isWhole } = formatsIn({ labels, data }, ...soleLogin(tokens));
  // An entry without its times, or an incomplete format, belongs to no subject, so it is replaced.
  const isKnown = isWhole && auths !== undefined && Object.keys(auths).every((host) => tokens.has(host));
  const subject = isKnown ? (times?.subject ?? "") : UNKNOWN_SUBJECT;
  return { kind: "ours", content: { subject, ownerUid: owner?.uid ?? "", tokens, formats } };
}

function timesIn(text = ""): z.infer<typeof annotation> | undefined {
  return text.length > MAX_ANNOTATION_CHARACTERS ? undefined : annotation.safeParse(parseJson(text)).data;
}

/** Undefined unless it is exactly as we write it. */
function authsIn(base64 = ""): Readonly<Record<string, { readonly password: string }>> | undefined {
  const text = Buffer.from(base64, "base64").toString();
  return OURS.test(text) ? JSON.parse(text).auths : undefined;
}

/** The login of the only token, or empty. */
function soleLogin(tokens: SecretContent["tokens"]): [host: string, credentials: RegistryCredentials] {
  const [only] = tokens.size === 1 ? tokens : [];
  return only === undefined ? ["", NO_LOGIN] : [only[0], bearerCredentials(only[1].token.reveal())];
}

const UNKNOWN_SUBJECT = "?";
const NO_LOGIN: RegistryCredentials = { username: "", password: "" };

function whyForeign({ type, immutable, metadata }: SecretObject): string | undefined {
  // The type is any text of a tenant's, with line breaks and of any length, and this reason is logged.
  if (type !== TYPE) return `its type is not ${TYPE}`;
  if (immutable) return "it is immutable";
  const other = metadata.managedFields?.find(({ manager, fieldsV1 }) => manager !== MANAGER && fieldsV1?.["f:data"]);
  if (other !== undefined) return `its manager is ${other.manager ?? ""}`;
  return metadata.labels?.[LABEL] === MANAGER ? undefined : `it lacks the label ${LABEL}=${MANAGER}`;
}

/** The manifest for server-side apply; undefined if the API server would refuse its size. */
export function secretManifest(
  resource: Pick<PullSecret, "namespace" | "name">,
  content: SecretContent,
): object | undefined {
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
  const texts = Object.entries({ ...data, [DATA_KEY]: JSON.stringify({ auths }) });
  if (texts.reduce((sum, [, text]) => sum + text.length, 0) > MAX_SECRET_BYTES) return undefined;
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
    data: Object.fromEntries(texts.map(([key, text]) => [key, toBase64(text)])),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function authEntry(token: Secret) {
  const credentials = bearerCredentials(token.reveal());
  const auth = toBase64(`${credentials.username}:${credentials.password}`);
  return { ...credentials, auth };
}
