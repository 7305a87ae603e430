/** For a provider that keeps nothing over a restart: its files may name a different identity by then, or it has no session. */
import type { IdentityProvider } from "./provider.ts";

export const NO_HANDOVER = {
  source: undefined,
  resume() {},
  encodeSession: () => undefined,
  decodeSession: () => undefined,
} as const satisfies Partial<IdentityProvider>;
