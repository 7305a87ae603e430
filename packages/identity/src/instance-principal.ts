/**
 * The identity of this instance, from the outside: where it is, and a new session whenever one is asked for.
 *
 * Keeps the region for the life of the process and remembers the tenancy. It keeps no session: who asks for one
 * gets one that is complete and new, or an error and nothing changed. When to ask is the cache's business.
 */
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import type { Clock, Expiring, Random, SendRequest } from "@ocir-broker/foundation";
import { federate } from "./federation.ts";
import { IdentityError } from "./identity-error.ts";
import type { IdentityEvent } from "./identity-event.ts";
import { type LeafCertificate, readLeafCertificate } from "./leaf-certificate.ts";
import { createMetadataService } from "./metadata-service.ts";
import { createTurns } from "./pause.ts";
import { fetchRegion } from "./region.ts";
import type { RegionInfo } from "./region-info.ts";
import type { Session } from "./session.ts";

export interface InstancePrincipal {
  /** @throws {IdentityError} */
  region(signal: AbortSignal): Promise<RegionInfo>;
  /** Reads the certificate, makes a key and federates: three metadata requests and one POST. @throws {IdentityError} */
  mintSession(signal: AbortSignal): Promise<Expiring<Session>>;
}

export interface InstancePrincipalOptions {
  readonly clock: Clock;
  /** For the jitter of back-off. */
  readonly random: Random;
  /** Must not go through a proxy. */
  readonly sendMetadata: SendRequest;
  readonly sendFederation: SendRequest;
  /** Tried in their order until one answers; that one is kept. */
  readonly metadataBaseUrls: readonly URL[];
  /** Instead of `https://auth.<region>.<realm domain>`. */
  readonly authUrl?: URL | undefined;
  /** What an earlier process learnt of this instance. */
  readonly remembered?:
    | { readonly region?: RegionInfo | undefined; readonly tenancyId?: string | undefined }
    | undefined;
  readonly onEvent?: ((event: IdentityEvent) => void) | undefined;
}

/** The size that the SDKs use for a session's key, and a new one for every session. */
const SESSION_KEY = { modulusLength: 2_048, publicExponent: 65_537 };

const generateKeys = promisify(generateKeyPair);

export function createInstancePrincipal(options: InstancePrincipalOptions): InstancePrincipal {
  const { clock, random, onEvent } = options;
  const metadata = createMetadataService({
    clock,
    random,
    onEvent,
    send: options.sendMetadata,
    baseUrls: options.metadataBaseUrls,
  });
  const federation = { clock, onEvent, send: options.sendFederation };
  const inTurn = createTurns("metadata service");
  let knownRegion = options.remembered?.region;
  let tenancyId = options.remembered?.tenancyId;

  async function region(signal: AbortSignal): Promise<RegionInfo> {
    return knownRegion ?? inTurn(signal, async () => (knownRegion ??= await fetchRegion(metadata, signal)));
  }

  /** An instance does not move: another tenancy means that something is very wrong, and nothing is swapped in. */
  function checkTenancy(found: string, host: string): void {
    if (tenancyId !== undefined && found !== tenancyId) throw new IdentityError("tenancy-changed", host);
  }

  async function mintSession(signal: AbortSignal): Promise<Expiring<Session>> {
    const authUrl = options.authUrl ?? authUrlOf(await region(signal));
    // The key takes 50 to 300 ms of another thread; the certificate is read and the SDK loaded meanwhile.
    const [{ publicKey, privateKey }, firstLeaf] = await Promise.all([
      generateKeys("rsa", SESSION_KEY),
      readLeafCertificate(metadata, clock, signal),
      // Signs the requests that the session is for.
      import("./oci-sdk.ts"),
    ]);

    async function federateWith(leaf: LeafCertificate): Promise<Expiring<Session>> {
      checkTenancy(leaf.tenancyId, authUrl.host);
      const { token, expiresAtMs } = await federate(authUrl, leaf, publicKey, federation, signal);
      checkTenancy(leaf.tenancyId, authUrl.host);
      tenancyId = leaf.tenancyId;
      return { value: { token, privateKey, tenancyId }, obtainedAtMs: clock.monotonicMs(), expiresAtMs };
    }

    try {
      return await federateWith(firstLeaf);
    } catch (error) {
      // OCI rotates certificates several times a day and advises a retry: ours may have been replaced since we read it.
      if (!(error instanceof IdentityError && error.code === "federation-unauthorized")) throw error;
      onEvent?.({ type: "retry", code: error.code, delayMs: 0 });
      return federateWith(await readLeafCertificate(metadata, clock, signal));
    }
  }

  return { region, mintSession };
}

function authUrlOf({ id, realmDomain }: RegionInfo): URL {
  return new URL(`https://auth.${id}.${realmDomain}`);
}
