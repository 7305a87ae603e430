/**
 * The Lease, which is a mutex: only its holder works. No clocks are compared: a program takes another one's Lease after it has seen the
 * Lease unchanged for as long as the holder promised, by its own clock.
 */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { isConflict } from "./api-error.ts";
import type { ApiServer } from "./api-server.ts";
import type { Say } from "./log-line.ts";

export type Lease = ReturnType<typeof createLease>;

export interface LeaseOptions {
  readonly api: Pick<ApiServer, "send">;
  readonly namespace: string;
  readonly name: string;
  /** Unique among those that want the Lease, such as the name of a pod. */
  readonly identity: string;
  readonly leaseSeconds: number;
  readonly clock: Pick<Clock, "monotonicMs" | "wallMs">;
  /** Aborts one request at its time limit. */
  deadline(): AbortSignal;
  readonly say: Say;
}

/** The part of a Lease that decides who has it. */
interface LeaseObject {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly spec?: { readonly holderIdentity?: string; readonly leaseDurationSeconds?: number };
}

/** A pod's token can write any duration. A longer one does not stop everything for good. */
const LONGEST_PROMISE_SECONDS = 3_600;

const EMPTY = { holderIdentity: null, leaseDurationSeconds: null, acquireTime: null, renewTime: null };

export function createLease({ api, namespace, name, identity, leaseSeconds, clock, deadline, say }: LeaseOptions) {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  let seenVersion = "";
  let seenAtMs = 0;

  async function read(): Promise<LeaseObject> {
    const lease = (await api.send({ method: "GET", path, signal: deadline() })) as LeaseObject;
    const version = versionOf(lease);
    if (version !== seenVersion) {
      seenVersion = version;
      seenAtMs = clock.monotonicMs();
    }
    return lease;
  }

  /** Fails with status 409 if another program has changed the Lease since it was read. */
  const patch = (lease: LeaseObject, spec: object) =>
    api.send({
      method: "PATCH",
      path,
      body: { metadata: { resourceVersion: versionOf(lease) }, spec },
      signal: deadline(),
    });

  return {
    /** Takes or renews the Lease if nobody else has it. `outrun`: another program changed it first. */
    async take() {
      const lease = await read();
      const holder = lease.spec?.holderIdentity ?? identity;
      if (holder !== identity) {
        const longestSeconds = Math.max(leaseSeconds, LONGEST_PROMISE_SECONDS);
        const promisedSeconds = Math.min(lease.spec?.leaseDurationSeconds ?? leaseSeconds, longestSeconds);
        if (clock.monotonicMs() - seenAtMs < promisedSeconds * 1_000) return { kind: "waiting", holder } as const;
        say(`${holder} has not renewed the Lease for ${promisedSeconds} s: ${identity} takes it`, "warn");
      }
      const time = microTime(clock.wallMs());
      const isNew = lease.spec?.holderIdentity !== identity;
      const spec = { holderIdentity: identity, leaseDurationSeconds: leaseSeconds, renewTime: time };
      // Others count from the arrival of the request, so a late response must not lengthen the term.
      const sentAtMs = clock.monotonicMs();
      try {
        await patch(lease, isNew ? { ...spec, acquireTime: time } : spec);
        return { kind: "ours", sentAtMs } as const;
      } catch (error) {
        if (isConflict(error)) return { kind: "outrun" } as const;
        throw error;
      }
    },
    /** Undefined if nobody has it. */
    async holder(): Promise<string | undefined> {
      return (await read()).spec?.holderIdentity;
    },
    async release(): Promise<void> {
      const lease = await read();
      if (lease.spec?.holderIdentity === identity) await patch(lease, EMPTY);
    },
  };
}

function versionOf(lease: LeaseObject): string {
  return lease.metadata?.resourceVersion ?? "";
}

/** The form of Go's MicroTime. For people only. */
function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/Z$/, "000Z");
}
