/**
 * The session of Oracle's command line: a security token and its key, which `oci session authenticate` writes to a profile.
 *
 * Reads the files again at each renewal, since the command line rewrites them, and never refreshes the token itself: two programs
 * that do so would invalidate each other's.
 */
import { createSameIdentity, readNow } from "../file-lives.ts";
import { NO_HANDOVER } from "../no-handover.ts";
import { readPrivateFile } from "../oci-profile/private-file.ts";
import { readProfileKey } from "../oci-profile/private-key.ts";
import { type ProfileSettings, readProfile } from "../oci-profile/profile.ts";
import { regionOf } from "../oci-profile/profile-region.ts";
import { decodeWrittenSession } from "../oci-profile/security-token.ts";
import type { IdentityProvider, ProviderContext } from "../provider.ts";

export interface CliSessionSettings {
  readonly session: ProfileSettings;
}

export function createCliSession(
  { session: settings }: CliSessionSettings,
  { clock, environment }: ProviderContext,
): IdentityProvider {
  const checkSame = createSameIdentity();
  const profile = () => readProfile(settings, environment);
  return {
    ...NO_HANDOVER,
    refusedAs: "session-refused",
    region: async () => regionOf(await profile()),
    async session() {
      const found = await profile();
      const place = found.placeOf("security_token_file");
      const token = readPrivateFile(found.path("security_token_file"), place);
      const privateKey = readProfileKey(found);
      const wallMs = clock.wallMs();
      const written = decodeWrittenSession(token, privateKey, { place, wallMs, expired: "session-expired" });
      checkSame(written.identity, place);
      return readNow(written.session, clock, written.endsAtWallMs);
    },
  };
}
