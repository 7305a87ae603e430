/**
 * The identity of this instance: its certificate from the metadata service, exchanged for sessions at the auth service.
 *
 * Keeps the region for the life of the process and remembers the tenancy.
 */
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { createLimiter, type Expiring, Secret } from "@ocir-broker/foundation";
import { IdentityError } from "../identity-error.ts";
import type { IdentityProvider, ProviderContext, SigningSession } from "../provider.ts";
import type { RegionInfo } from "../region-info.ts";
import { authUrlOf, type InstancePrincipalSettings, metadataBaseUrlsOf } from "./endpoints.ts";
import { federate } from "./federation.ts";
import { type LeafCertificate, readLeafCertificate } from "./leaf-certificate.ts";
import { createMetadataService } from "./metadata-service.ts";
import { runLimited } from "./pause.ts";
import { fetchRegion } from "./region.ts";
import { decodeSession, encodeSession, TOKEN_PREFIX } from "./session-record.ts";

/** The size that the SDKs use for a session's key, and a new one for every session. */
const SESSION_KEY = { modulusLength: 2_048, publicExponent: 65_537 };

const generateKeys = promisify(generateKeyPair);

export function createInstancePrincipal(
  settings: InstancePrincipalSettings,
  context: ProviderContext,
): IdentityProvider {
  const { clock, onEvent } = context;
  const metadata = createMetadataService({
    ...context,
    send: context.sendMetadata,
    baseUrls: metadataBaseUrlsOf(settings),
  });
  const federation = { clock, onEvent, send: context.sendAuth };
  const regions = createLimiter({ clock, concurrency: 1 });
  let knownRegion: RegionInfo | undefined;
  let tenancyId: string | undefined;

  async function region(signal: AbortSignal): Promise<RegionInfo> {
    const fetchOnce = async () => (knownRegion ??= await fetchRegion(metadata, signal));
    return knownRegion ?? runLimited(regions, "metadata service", signal, fetchOnce);
  }

  /** An instance does not move: another tenancy means that something is very wrong, and nothing is swapped in. */
  function checkTenancy(found: string, host: string): void {
    if (tenancyId !== undefined && found !== tenancyId) throw new IdentityError("tenancy-changed", host);
  }

  /** Three metadata requests and one POST. */
  async function session(signal: AbortSignal): Promise<Expiring<SigningSession>> {
    const authUrl = await authUrlOf(settings, () => region(signal));
    // The key takes 50 to 300 ms of another thread; the certificate is read and the SDK loaded meanwhile.
    const [{ publicKey, privateKey }, firstLeaf] = await Promise.all([
      generateKeys("rsa", SESSION_KEY),
      readLeafCertificate(metadata, clock, signal),
      // Signs the requests that the session is for.
      import("../oci-sdk/oci-sdk.ts"),
    ]);

    async function federateWith(leaf: LeafCertificate): Promise<Expiring<SigningSession>> {
      checkTenancy(leaf.tenancyId, authUrl.host);
      const { token, expiresAtMs } = await federate(authUrl, leaf, publicKey, federation, signal);
      checkTenancy(leaf.tenancyId, authUrl.host);
      tenancyId = leaf.tenancyId;
      const keyId = new Secret(`${TOKEN_PREFIX}${token.reveal()}`);
      return { value: { keyId, privateKey, tenancyId }, obtainedAtMs: clock.monotonicMs(), expiresAtMs };
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

  return {
    source: JSON.stringify([settings.metadata.baseUrl, settings.auth.endpoint]),
    region,
    session,
    resume(known) {
      knownRegion = known.region;
      tenancyId = known.tenancyId;
    },
    encodeSession,
    decodeSession,
  };
}
