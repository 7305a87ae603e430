/**
 * Resource principal, version 2.2: token, key and region in variables that the platform of a function, container instance or job
 * sets. Each is a value, or the absolute path of a file. The platform rewrites these files, so they are read again at each renewal.
 *
 * Source: oci-go-sdk, common/auth/resource_principal_key_provider.go.
 */
import { createFileIdentity } from "../file-identity.ts";
import { IdentityError } from "../identity-error.ts";
import type { IdentityProvider, IdentityProviderContext } from "../identity-provider.ts";
import { readBoundedFile } from "../oci-profile/private-file.ts";
import { decodePrivateKey } from "../oci-profile/private-key.ts";
import { regionNamed } from "../oci-profile/profile-region.ts";
import { decodeWrittenSession } from "../oci-profile/security-token.ts";
import { variableIn } from "../workload-identity/variable.ts";

const VERSION = "OCI_RESOURCE_PRINCIPAL_VERSION";
const TOKEN = "OCI_RESOURCE_PRINCIPAL_RPST";
const KEY = "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM";
const PASS_PHRASE = "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM_PASSPHRASE";
const REGION = "OCI_RESOURCE_PRINCIPAL_REGION";

/** It has no section in the configuration, because the platform sets everything. */
export function createResourcePrincipal(
  _settings: object,
  { clock, environment }: IdentityProviderContext,
): IdentityProvider {
  const variable = (name: string) => variableIn(environment, name, "resource-principal-missing");

  function read(name: string): string {
    const value = variable(name);
    if (!isPath(value)) return value;
    try {
      return readBoundedFile(value);
    } catch (error) {
      throw new IdentityError("identity-file-unreadable", name, { cause: error });
    }
  }

  /** A key in a file has its pass phrase in a file. */
  function readPassPhrase(): string | undefined {
    const passPhrase = environment[PASS_PHRASE];
    if (!passPhrase) return undefined;
    if (isPath(passPhrase) !== isPath(variable(KEY))) throw new IdentityError("resource-principal-mixed", PASS_PHRASE);
    return read(PASS_PHRASE).replace(/\r?\n$/, "");
  }

  return createFileIdentity(clock, {
    refusedAs: "resource-principal-refused",
    region: async () => regionNamed(variable(REGION), REGION),
    async read() {
      if (variable(VERSION) !== "2.2") throw new IdentityError("resource-principal-version", VERSION);
      const privateKey = decodePrivateKey(read(KEY), readPassPhrase(), KEY);
      const expired = "resource-principal-expired";
      return decodeWrittenSession(read(TOKEN), privateKey, { place: TOKEN, wallMs: clock.wallMs(), expired });
    },
  });
}

function isPath(value: string): boolean {
  return value.startsWith("/");
}
