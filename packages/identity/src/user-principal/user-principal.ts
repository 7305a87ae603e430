/**
 * The identity of a person or a CI job: a user's API key, from a profile of `~/.oci/config` or the OCI_CLI_* variables.
 *
 * Contacts no service. Reads key and profile again at each renewal, and refuses a different user.
 */
import { Secret } from "@ocir-broker/foundation/secret";
import { createFileIdentity } from "../file-identity.ts";
import { IdentityError } from "../identity-error.ts";
import type { IdentityProvider, IdentityProviderContext, SigningSession } from "../identity-provider.ts";
import { fingerprintOf, readProfileKey } from "../oci-profile/private-key.ts";
import { type Profile, type ProfileSettings, readProfile } from "../oci-profile/profile.ts";
import { regionOf } from "../oci-profile/profile-region.ts";

/** An OCID. No other character may get into the signature's key id. */
const OCID = /^[\w-]+(?:[.:][\w-]*)+$/;

export function createUserPrincipal(
  { user: settings }: { readonly user: ProfileSettings },
  { clock, environment }: IdentityProviderContext,
): IdentityProvider {
  const profile = () => readProfile(settings, environment);
  return createFileIdentity(clock, {
    refusedAs: "api-key-refused",
    region: async () => regionOf(await profile()),
    async read() {
      const found = await profile();
      const identity = `${ocidIn(found, "tenancy")}/${ocidIn(found, "user")}`;
      return { session: sessionOf(found, identity), identity, place: found.placeOf("user") };
    },
  });
}

function sessionOf(profile: Profile, identity: string): SigningSession {
  const fingerprint = profile.get("fingerprint").toLowerCase();
  const privateKey = readProfileKey(profile);
  if (fingerprint !== fingerprintOf(privateKey))
    throw new IdentityError("key-fingerprint", profile.placeOf("fingerprint"));
  return { keyId: new Secret(`${identity}/${fingerprint}`), privateKey };
}

function ocidIn(profile: Profile, key: string): string {
  const value = profile.get(key);
  if (!OCID.test(value)) throw new IdentityError("oci-config-invalid", profile.placeOf(key));
  return value;
}
