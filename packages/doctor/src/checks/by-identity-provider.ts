/** The checks of each identity provider: the services that it contacts, the clock that it signs with, and its session. */
import type { IdentityProviderName } from "@ocir-broker/identity/identity-providers";
import type { NamedCheck } from "../check-context.ts";
import { finding } from "../finding.ts";
import { checkClock } from "./clock.ts";
import { checkFileIdentity, checkIdentity } from "./identity.ts";
import { checkMetadata } from "./metadata.ts";
import { checkAuthPath } from "./network-path.ts";

const FILE_IDENTITY_CHECKS: readonly NamedCheck[] = [["identity", checkFileIdentity]];

export const CHECKS_BY_IDENTITY_PROVIDER: Readonly<Record<IdentityProviderName, readonly NamedCheck[]>> = {
  "instance-principal": [
    ["metadata service", checkMetadata],
    ["clock", checkClock],
    ["network to the auth service", checkAuthPath],
    ["identity", checkIdentity],
  ],
  user: FILE_IDENTITY_CHECKS,
  "cli-session": FILE_IDENTITY_CHECKS,
  "resource-principal": FILE_IDENTITY_CHECKS,
  "workload-identity-federation": FILE_IDENTITY_CHECKS,
  "oke-workload-identity": FILE_IDENTITY_CHECKS,
  none: [["identity", async () => finding("identity-none", "identity.provider: none")]],
};
