/** Keys of the identity that signs, and of the profile that a person's identity comes from. */
import {
  CLI_AUTHS,
  DEFAULT_IDENTITY_PROVIDER,
  IDENTITY_PROVIDER_NAMES,
  UNKNOWN_CLI_AUTH,
} from "@ocir-broker/identity/identity-providers";
import * as z from "zod";
import { section } from "./section.ts";

const listOf = (names: readonly string[]) => `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;

export const identitySection = section({
  provider: z
    .enum(IDENTITY_PROVIDER_NAMES, {
      error: ({ input }) =>
        String(input).startsWith(UNKNOWN_CLI_AUTH)
          ? `the variable OCI_CLI_AUTH must be ${listOf(CLI_AUTHS)}`
          : `must be ${listOf(IDENTITY_PROVIDER_NAMES)}`,
    })
    .default(DEFAULT_IDENTITY_PROVIDER)
    .describe(
      "The identity that signs requests: instance-principal, this node; user, an API key in ~/.oci/config; " +
        "cli-session, the session that oci session authenticate wrote there; resource-principal, a function or container " +
        "instance; workload-identity-federation, a CI job, whose token an identity domain exchanges; oke-workload-identity, a " +
        "pod's own service account; none, for a node that only serves service accounts. " +
        "The broker never switches to another one by itself.",
    ),
}).prefault({});

/** The location of a person's identity. The names are those of Oracle's command line. */
export function profileSection(used: string) {
  return section({
    configFile: z
      .string("must be a path")
      .regex(/^[/~][^\0]{0,4000}$/, "must be an absolute path, or one that starts with ~/")
      .optional()
      .describe(
        `For ${used}: the file with its profile. Environment: OCI_CLI_CONFIG_FILE, OCI_CONFIG_FILE. Default: ~/.oci/config.`,
      )
      .meta({ examples: ["/etc/ocir-broker/oci-config"] }),
    profile: z
      .string("must be a profile's name")
      .regex(/^[^\0\n\]]{1,200}$/, "must be a profile's name without brackets")
      .optional()
      .describe(
        `For ${used}: the profile. Keys that it lacks are taken from [DEFAULT]. Environment: OCI_CLI_PROFILE. Default: DEFAULT.`,
      )
      .meta({ examples: ["SEOUL"] }),
  }).prefault({});
}
