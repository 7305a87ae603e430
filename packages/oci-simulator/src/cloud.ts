/** The parts of the simulated cloud that more than one of its services needs. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { ApiKeys } from "./auth/api-keys.ts";
import type { SessionTokens } from "./auth/session-tokens.ts";
import type { PropagationTrusts } from "./domain/propagation-trusts.ts";
import type { Iam } from "./iam.ts";
import type { CertificateChain } from "./metadata/certificate-chain.ts";
import type { Image } from "./registry/image.ts";
import type { RegistryTokens } from "./registry/registry-tokens.ts";
import type { ServiceAccounts } from "./service-accounts.ts";

export interface Cloud {
  readonly clock: Clock;
  readonly iam: Iam;
  readonly chain: CertificateChain;
  readonly sessions: SessionTokens;
  readonly apiKeys: ApiKeys;
  readonly tokens: RegistryTokens;
  readonly serviceAccounts: ServiceAccounts;
  readonly trusts: PropagationTrusts;
  /** False for a basic cluster, which exchanges no tokens. */
  isEnhanced(): boolean;
  /** The instance's own metadata keys, which override those of every node. */
  readonly instanceMetadata: Readonly<Record<string, string>>;
  /** The image of a repository, for what is not in the storage. */
  imageOf(repository: string): Image;
  /** A registry of the distribution project, without authentication and with relative URLs, that stores what is pushed. */
  readonly storage: URL | undefined;
}
