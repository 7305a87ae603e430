/**
 * The Lease, which is a mutex: only its holder works. No clocks are compared: a program takes another one's Lease after it has seen the
 * Lease unchanged for as long as the holder promised, by its own clock.
 */
import { isConflict } from "./api-error.ts";
import type { ApiServer } from "./api-server.ts";
import type { Say } from "./log-line.ts";

type LeaseState =
  /** `sentAtSeconds`: when the request was sent. Others count from its arrival, so a late response must not lengthen the term. */
  | { readonly kind: "ours"; readonly sentAtSeconds: number }
  /** Another holder has the Lease. */
  | { readonly kind: "waiting"; readonly holder: string }
  /** Another program changed the Lease first. */
  | { readonly kind: "outrun" };

export type Lease = ReturnType<typeof createLease>;

interface LeaseOptions {
  readonly requests: LeaseRequests;
  /** Unique among those that want the Lease, such as the name of a pod. */
  readonly identity: string;
  readonly leaseSeconds: number;
  nowSeconds(): number;
  wallMs(): number;
  readonly say: Say;
}

/** A pod's token can write any duration. A longer one does not stop everything for good. */
const LONGEST_PROMISE_SECONDS = 3_600;

const EMPTY = { holderIdentity: null, leaseDurationSeconds: null, acquireTime: null, renewTime: null };

export function createLease(options: LeaseOptions) {
  const { requests, identity, leaseSeconds, say } = options;
  let seenVersion = "";
  let seenAt = 0;

  async function read(): Promise<LeaseObject> {
    const lease = await requests.readLease();
    const version = versionOf(lease);
    if (version !== seenVersion) {
      seenVersion = version;
      seenAt = options.nowSeconds();
    }
    return lease;
  }

  return {
    /** Takes or renews the Lease if nobody else has it. */
    async take(): Promise<LeaseState> {
      const lease = await read();
      const holder = lease.spec?.holderIdentity ?? identity;
      if (holder !== identity) {
        const longestSeconds = Math.max(leaseSeconds, LONGEST_PROMISE_SECONDS);
        const promisedSeconds = Math.min(lease.spec?.leaseDurationSeconds ?? leaseSeconds, longestSeconds);
        if (options.nowSeconds() - seenAt < promisedSeconds) return { kind: "waiting", holder };
        say(`${holder} has not renewed the Lease for ${promisedSeconds} s: ${identity} takes it`, "warn");
      }
      const time = microTime(options.wallMs());
      const isNew = lease.spec?.holderIdentity !== identity;
      const spec = { holderIdentity: identity, leaseDurationSeconds: leaseSeconds, renewTime: time };
      const sentAtSeconds = options.nowSeconds();
      try {
        await requests.patchLease(versionOf(lease), isNew ? { ...spec, acquireTime: time } : spec);
        return { kind: "ours", sentAtSeconds };
      } catch (error) {
        if (isConflict(error)) return { kind: "outrun" };
        throw error;
      }
    },
    /** Releases the Lease if it is held. */
    async release(): Promise<void> {
      const lease = await read();
      if (lease.spec?.holderIdentity === identity) await requests.patchLease(versionOf(lease), EMPTY);
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

/** The part of a Lease that decides who has it. */
export interface LeaseObject {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly spec?: { readonly holderIdentity?: string; readonly leaseDurationSeconds?: number };
}

export interface LeaseRequests {
  readLease(): Promise<LeaseObject>;
  /** Fails with status 409 if this version is not the stored one. */
  patchLease(resourceVersion: string, spec: object): Promise<unknown>;
}

/** @param deadline aborts one request at its time limit. */
export function createLeaseRequests(
  api: ApiServer,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  deadline: () => AbortSignal,
): LeaseRequests {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
  return {
    async readLease() {
      return (await api.send({ method: "GET", path, signal: deadline() })) as LeaseObject;
    },
    patchLease: (resourceVersion, spec) =>
      api.send({ method: "PATCH", path, body: { metadata: { resourceVersion }, spec }, signal: deadline() }),
  };
}
