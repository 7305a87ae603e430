/** Keys of the token exchange. */
import * as z from "zod";
import { duration } from "./duration.ts";
import { registryEndpoint } from "./endpoint.ts";
import { absolutePath, section } from "./section.ts";

export const serviceAccountsSection = section({
  tokenExchange: z
    .enum(["none", "oke", "identity-domain"], "must be none, oke or identity-domain")
    .default("none")
    .describe(
      "What exchanges a pod's service-account token for an identity: oke, an enhanced cluster (OKE Workload Identity); " +
        "identity-domain, identityDomain.url, for any cluster. With none, fallback applies.",
    ),
  select: z
    .enum(["all", "annotated"], "must be all or annotated")
    .default("all")
    .describe("The service accounts that use their own identity instead of the node's: all, or only annotated ones."),
  annotation: z
    .string("must be the name of an annotation")
    .regex(
      /^(?:[a-z0-9.-]{1,253}\/)?[A-Za-z0-9._-]{1,63}$/,
      'must be the name of an annotation, such as "team/identity"',
    )
    .default("ocir-broker/identity")
    .describe("The annotation that opts a service account in if its value is service-account."),
  fallback: z
    .enum(["none", "node"], "must be none or node")
    .default("none")
    .describe(
      "The identity for a service account whose token cannot be exchanged: none, so the pull is anonymous, or node.",
    ),
  rootHelper: z
    .enum(["refuse", "node"], "must be refuse or node")
    .default("refuse")
    .describe(
      "Whether root's credential helper, docker-credential-ocir, gives the node's token while there is a token exchange. With node, " +
        "every pod on CRI-O can pull as the node if a file that CRI-O reads, such as /root/.docker/config.json, names the " +
        "helper: give root's tools another file first.",
    ),
  audience: z
    .string("must be an audience")
    .regex(/^[^-]/, "must be an audience, which does not begin with -")
    .optional()
    .describe(
      "The audience that service-account tokens must have: the kubelet's serviceAccountTokenAudience. Default: any.",
    )
    .meta({ examples: ["https://kubernetes.default.svc.cluster.local"] }),
  longestTokenLife: duration("1m", "60m")
    .default("60m")
    .describe("How long a service account's registry token is kept, which is the longest delay of a revocation."),
  apiServer: registryEndpoint
    .optional()
    .describe("The cluster's API server. Default: from the kubeconfig, or /etc/oke/oke-apiserver.")
    .meta({ examples: ["https://10.0.0.6:6443"] }),
  endpoint: registryEndpoint
    .optional()
    .describe("Base URL of the token exchange. Default: port 12250 of the API server's host.")
    .meta({ examples: ["https://10.0.0.6:12250"] }),
  caFile: absolutePath
    .optional()
    .describe(
      "PEM file with the cluster's only trusted certificate authority. Default: the kubeconfig's, or /etc/kubernetes/ca.crt.",
    )
    .meta({ examples: ["/etc/kubernetes/ca.crt"] }),
  kubeconfig: absolutePath
    .default("/etc/kubernetes/kubelet.conf")
    .describe("The kubelet's kubeconfig. Only its cluster is read, if the daemon's user can read the file."),
}).prefault({});
