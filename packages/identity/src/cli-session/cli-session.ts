/**
 * The session of Oracle's command line: a security token and its key, which `oci session authenticate` writes to a profile.
 *
 * Reads the files again at each renewal, since the command line rewrites them, and never refreshes the token itself: two programs
 * that do so would invalidate each other's.
 */
import { createFileIdentity } from "../file-identity.ts";
import type { IdentityProvider, IdentityProviderContext } from "../identity-provider.ts";
import { readPrivateFile } from "../oci-profile/private-file.ts";
import { readProfileKey } from "../oci-profile/private-key.ts";
import { type ProfileSettings, readProfile } from "../oci-profile/profile.ts";
import { regionOf } from "../oci-profile/profile-region.ts";
import { decodeWrittenSession } from "../oci-profile/security-token.ts";

export function createCliSession(
  { cliSession: settings }: { readonly cliSession: ProfileSettings },
  { clock, environment }: IdentityProviderContext,
): IdentityProvider {
  const profile = () => readProfile(settings, environment);
  return createFileIdentity(clock, {
    refusedAs: "cli-session-refused",
    region: async () => regionOf(await profile()),
    async read() {
      const found = await profile();
      const place = found.placeOf("security_token_file");
      const token = readPrivateFile(found.path("security_token_file"), place);
      const privateKey = readProfileKey(found);
      return decodeWrittenSession(token, privateKey, { place, wallMs: clock.wallMs(), expired: "cli-session-expired" });
    },
  });
}
