/** Takes the caches' snapshot for the handover, and restores the part of it that may still be used. */
import type { NodeCredentials } from "@ocir-broker/credentials/node-credentials";
import { HOME_REGION, isAllowedNow } from "@ocir-broker/credentials/tokens/registries";
import { SESSION } from "@ocir-broker/credentials/tokens/session-refresh";
import type { Log } from "../telemetry/log.ts";
import type { LoadedSnapshot } from "./handover.ts";
import type { Snapshot } from "./snapshot.ts";

export type SnapshotOwners = Pick<NodeCredentials, "provider" | "homeRegion" | "sessions" | "tokens" | "registries">;

export function snapshotOf(owners: SnapshotOwners): Snapshot {
  const { provider, homeRegion, sessions, tokens, registries } = owners;
  const { handover, name } = provider;
  if (handover === undefined) return { source: "", provider: name, region: undefined, session: undefined, tokens: [] };
  const session = sessions.peek(SESSION);
  return {
    source: handover.source,
    provider: name,
    region: homeRegion.peek(HOME_REGION),
    session: session && { ...session, value: handover.encodeSession(session.value) },
    tokens: tokens.entries().flatMap(({ key: registryHost }) => {
      const entry = tokens.peek(registryHost);
      return entry === undefined ? [] : [{ registryHost, endpoint: registries.endpointOf(registryHost).href, entry }];
    }),
  };
}

/**
 * Skips the token of a registry host that is no longer allowed, or has another endpoint now. The metadata service replaces the
 * region within an hour.
 */
export async function restore({ state, ageMs }: LoadedSnapshot, to: SnapshotOwners, log: Log): Promise<void> {
  const { homeRegion, sessions, tokens, registries } = to;
  const { handover } = to.provider;
  if (handover === undefined) return;
  if (state.region !== undefined) homeRegion.put(HOME_REGION, state.region);
  const session = handover.decodeSession(state.session?.value);
  const hasSession = state.session !== undefined && session !== undefined;
  if (hasSession) sessions.put(SESSION, { ...state.session, value: session });
  let restored = 0;
  for (const { registryHost, endpoint, entry } of state.tokens) {
    if (!(await isAllowedNow(registries, registryHost)) || registries.endpointOf(registryHost).href !== endpoint)
      continue;
    tokens.put(registryHost, entry);
    restored += 1;
  }
  log.info({ tokens: restored, hasSession, ageSeconds: Math.round(ageMs / 1_000) }, "state restored");
}
