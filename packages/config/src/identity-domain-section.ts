/** The section of the identity domain that exchanges service-account tokens of any cluster. */
import * as z from "zod";
import { httpsOrigin } from "./endpoint.ts";
import { absolutePath, section } from "./section.ts";

export const identityDomainSection = section({
  url: httpsOrigin
    .optional()
    .describe("The identity domain that trusts the cluster's issuer.")
    .meta({ examples: ["https://idcs-0123456789abcdef.identity.oraclecloud.com"] }),
  authorization: z
    .enum(["instance-principal", "client"], "must be instance-principal or client")
    .default("instance-principal")
    .describe(
      "How the broker authenticates there: instance-principal, with this node's own session; client, as a confidential " +
        "application, for nodes outside OCI.",
    ),
  clientId: z
    .string("must be a client's id")
    .regex(/^[\x21-\x39\x3b-\x7e]{1,200}$/, "must be a client's id, without blanks and colons")
    .optional()
    .describe("For authorization: client: the confidential application's client id.")
    .meta({ examples: ["0123456789abcdef0123456789abcdef"] }),
  clientSecretFile: absolutePath
    .optional()
    .describe(
      "For authorization: client: the file with the client secret. Only the daemon's user may read it, or its group if " +
        "root owns the file. Default: identity-domain-secret of systemd's LoadCredential.",
    )
    .meta({ examples: ["/etc/ocir-broker/client-secret"] }),
}).prefault({});
