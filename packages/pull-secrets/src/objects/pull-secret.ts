/** The resource OCIRPullSecret, as the API server stores it, and the part of it that the controller uses. */
import api from "@ocir-broker/protocol/pull-secret-api" with { type: "json" };
import * as z from "zod";
import { FORMATS, type Format } from "./format.ts";

export const KIND = "OCIRPullSecret";
export const API_VERSION = `${api.group}/${api.version}`;
/** Under `/apis/`. */
export const PLURAL = "ocirpullsecrets";
/** Field manager of the Secrets and value of their label. */
export const MANAGER = "ocir-broker";
/** A Secret's annotation with the times of its tokens: fetch, renewal and expiry. Never a token. */
export const TOKENS_ANNOTATION = `${api.group}/tokens`;

export interface PullSecret {
  readonly namespace: string;
  /** The name of both the resource and its Secret. */
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** Registry hosts. */
  readonly registries: readonly string[];
  readonly serviceAccountName: string | undefined;
  /** Allowed only with exactly one registry. */
  readonly formats: readonly Format[];
  readonly status: PullSecretStatus | undefined;
}

export interface PullSecretStatus {
  readonly observedGeneration: number;
  /** Our condition. Other controllers may add conditions of other types. */
  readonly conditions: readonly [Condition];
  /** The expiry of the token that expires first. RFC 3339, like all times here. */
  readonly expirationTime?: string | undefined;
  /** `fetchTime`: when the token was fetched. */
  readonly registries: readonly {
    readonly host: string;
    readonly expirationTime: string;
    readonly fetchTime: string;
  }[];
}

export interface Condition {
  readonly type: "Ready";
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

const condition = z.object({
  type: z.literal("Ready"),
  status: z.enum(["True", "False"]),
  reason: z.string(),
  message: z.string(),
  observedGeneration: z.number(),
  lastTransitionTime: z.string(),
});

const status = z.object({
  observedGeneration: z.number(),
  conditions: z
    .array(z.unknown())
    .transform((all) => all.filter((each) => condition.safeParse(each).success))
    .pipe(z.tuple([condition])),
  expirationTime: z.string().optional(),
  registries: z.array(z.object({ host: z.string(), expirationTime: z.string(), fetchTime: z.string() })).default([]),
});

const resource = z.object({
  metadata: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    generation: z.number(),
    deletionTimestamp: z.string().optional(),
  }),
  spec: z.object({
    registries: z.array(z.string()).min(1),
    serviceAccountName: z.string().optional(),
    formats: z.array(z.enum(FORMATS)).default([]),
  }),
  // A status that another program has written is replaced.
  status: status.optional().catch(undefined),
});

/** Undefined for a resource that is being deleted, and for one that its definition does not allow. */
export function parsePullSecret(object: unknown): PullSecret | undefined {
  const { data } = resource.safeParse(object);
  if (data === undefined || data.metadata.deletionTimestamp !== undefined) return undefined;
  const { namespace, name, uid, generation } = data.metadata;
  const { registries, serviceAccountName, formats } = data.spec;
  return { namespace, name, uid, generation, registries, serviceAccountName, formats, status: data.status };
}

export function serviceAccountOf({ name, serviceAccountName }: PullSecret): string {
  return serviceAccountName ?? name;
}
