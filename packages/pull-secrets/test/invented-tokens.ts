/** For a controller without Oracle: rules that allow everything, and invented tokens that live an hour. */
import { Secret } from "@ocir-broker/foundation/secret";
import type { Rules } from "../src/decision/rules.ts";
import type { TokenSource } from "../src/tokens/token-source.ts";

export const LIFE_MS = 3_600_000;

export type Fetched = Awaited<ReturnType<TokenSource>>;

export const rulesFor = (...names: string[]): Rules => ({
  names: new Set(names),
  identity: { kind: "service-account" },
  isSelected: () => false,
  isRegistry: () => true,
  policyOf: () => "Allow",
});

export function inventedTokens(registries: readonly string[], fetchedAtMs: number): Fetched {
  const times = { fetchedAtMs, expiresAtMs: fetchedAtMs + LIFE_MS, renewAtMs: fetchedAtMs + LIFE_MS / 2 };
  return {
    subject: "ocir-pull/uid",
    tokens: new Map(registries.map((host) => [host, { token: new Secret("t"), ...times }])),
    failure: undefined,
    retryable: true,
    retryAfterMs: undefined,
    sent: { exchanges: 1, registryRequests: registries.length },
  };
}
