/** The parts of the simulated cloud that more than one of its services needs. */
import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createApiKeys } from "./auth/api-keys.ts";
import { createSessionTokens } from "./auth/session-tokens.ts";
import { createPropagationTrusts } from "./domain/propagation-trusts.ts";
import { createIam } from "./iam.ts";
import { createJobs } from "./jobs.ts";
import { createCertificateChain } from "./metadata/certificate-chain.ts";
import { createImages } from "./registry/image.ts";
import { createRegistryTokens } from "./registry/registry-tokens.ts";
import { createServiceAccounts, type ServiceAccountIssuer } from "./service-accounts.ts";
import { createTokenSigner } from "./token-signer.ts";

export interface CloudOptions {
  /** The issuer of service-account tokens, for a real API server. Default: the simulator's own. */
  readonly serviceAccountIssuer?: ServiceAccountIssuer | undefined;
  /** Life of OCIR's tokens, in milliseconds. Default one hour. */
  readonly tokenLifeMs?: number;
  /** Life of the auth service's security tokens, in milliseconds. Default 20 minutes. */
  readonly sessionLifeMs?: number;
  /** Whether the OUs of the leaf certificate's subject are in one multi-valued RDN. Default false. */
  readonly multiValuedSubject?: boolean;
  /** Keys of `/instance/metadata`, such as `oke_init_script` (base64) and `kubelet-extra-args`. They override every node's. */
  readonly instanceMetadata?: Readonly<Record<string, string>>;
  /**
   * A registry of the distribution project, without authentication and with relative URLs, that stores what is pushed. Default: none,
   * and no pushes.
   */
  readonly storage?: URL | undefined;
  /** A static executable for the registry's images. Default: images with only a text. */
  readonly program?: Buffer | undefined;
  readonly clock?: Clock;
}

export type Cloud = Awaited<ReturnType<typeof createCloud>>;

const HOUR_MS = 3_600_000;

export async function createCloud(options: CloudOptions) {
  const { clock = createSystemClock(), tokenLifeMs = HOUR_MS, sessionLifeMs = HOUR_MS / 3 } = options;
  const iam = createIam();
  const [chain, sessions, signer, serviceAccounts, jobs] = await Promise.all([
    createCertificateChain(clock, options.multiValuedSubject ?? false),
    createSessionTokens(clock, sessionLifeMs),
    createTokenSigner(clock),
    createServiceAccounts(clock, options.serviceAccountIssuer),
    createJobs(clock),
  ]);
  return {
    clock,
    iam,
    chain,
    sessions,
    signer,
    serviceAccounts,
    jobs,
    apiKeys: createApiKeys(),
    trusts: createPropagationTrusts(serviceAccounts, jobs),
    tokens: createRegistryTokens(clock, tokenLifeMs, signer, iam),
    /** False for a basic cluster, which exchanges no tokens. */
    isEnhanced: true,
    instanceMetadata: options.instanceMetadata ?? {},
    /** The image of a repository, for what is not in the storage. */
    imageOf: createImages(options.program),
    storage: options.storage,
  };
}
