/** The resource OCIRPullSecret, as the API server stores it, and the part of it that the controller uses. */
import api from "@ocir-broker/protocol/pull-secret-api" with { type: "json" };
import * as z from "zod";
import { FORMATS } from "./format.ts";

export const KIND = "OCIRPullSecret";
export const API_VERSION = `${api.group}/${api.version}`;
/** Under `/apis/`. */
export const PLURAL = "ocirpullsecrets";
/** Field manager of the Secrets and value of their label. */
export const MANAGER = "ocir-broker";
/** A Secret's annotation with the times of its tokens: fetch, renewal and expiry. Never a token. */
export const TOKENS_ANNOTATION = `${api.group}/tokens`;

const condition = z.object({
  type: z.literal("Ready"),
  status: z.enum(["True", "False"]),
  reason: z.string(),
  message: z.string(),
  observedGeneration: z.number(),
  lastTransitionTime: z.string(),
});
export type Condition = Readonly<z.infer<typeof condition>>;

/** `fetchTime`: when the token was fetched. */
const registry = z.object({ host: z.string(), expirationTime: z.string(), fetchTime: z.string() });

/** Times are in RFC 3339. */
const reported = z.object({
  observedGeneration: z.number(),
  /** Our condition. Other controllers may add conditions of other types. */
  conditions: z
    .array(z.unknown())
    .transform((all) => all.filter((each) => (each as Partial<Condition> | null)?.type === "Ready"))
    .pipe(z.tuple([condition])),
  /** The expiry of the token that expires first. */
  expirationTime: z.string().optional(),
  /** As many as the spec may have: `maxItems` in crd.yaml. */
  registries: z.array(z.unknown()).max(16).pipe(z.array(registry)).default([]),
});
// An expiry without tokens is another manager's, which no report of ours removes.
const status = reported.transform(({ expirationTime, ...ours }) => ({
  ...ours,
  ...(ours.registries.length > 0 && { expirationTime }),
}));
export type PullSecretStatus = Readonly<z.infer<typeof status>>;

const metadata = z.object({
  namespace: z.string(),
  /** The name of both the resource and its Secret. */
  name: z.string(),
  uid: z.string(),
  generation: z.number(),
  /** A resource that is being deleted counts as none. */
  deletionTimestamp: z.undefined().optional(),
});

const spec = z.object({
  registries: z.array(z.string()).min(1),
  serviceAccountName: z.string().optional(),
  /** Allowed only with exactly one registry. */
  formats: z.array(z.enum(FORMATS)).default([]),
});

// A status that another program has written is replaced.
const resource = z.object({ metadata, spec, status: status.optional().catch(undefined) });

export type PullSecret = Readonly<z.infer<typeof metadata> & z.infer<typeof spec>> & {
  readonly status: PullSecretStatus | undefined;
};

/** Undefined for a resource that is being deleted, and for one that its definition does not allow. */
export function parsePullSecret(object: unknown): PullSecret | undefined {
  const { data } = resource.safeParse(object);
  return data && { ...data.metadata, ...data.spec, status: data.status };
}

export function serviceAccountOf({ name, serviceAccountName }: PullSecret): string {
  return serviceAccountName ?? name;
}
