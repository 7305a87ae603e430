/** `ocir-broker kubelet-config grants`: prints the rights that pulls by service account need, for kubectl and the Console. */
import { audienceRbac, isAudience } from "@ocir-broker/kubelet-config/service-account-grants";
import { serviceAccountPolicy } from "@ocir-broker/ocir/service-account-policy";
import { type Command, InvalidArgumentError } from "commander";

interface GrantsOptions {
  readonly serviceAccount?: { readonly namespace: string; readonly serviceAccount: string };
  readonly cluster: string;
  readonly compartment: string;
}

/** Names of Kubernetes; of OCIDs and compartments only what cannot end a statement's quotes. */
const DNS_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const PLAIN = /^[\w.:-]{1,255}$/;

export function addGrantsCommand(kubeletConfig: Command): void {
  kubeletConfig
    .command("grants")
    .description(
      "print what pulls by service account need: the RBAC that lets kubelets request tokens for the audience, " +
        "or with --service-account the IAM policy for one service account",
    )
    .argument("<audience>", "serviceAccountTokenAudience of the kubelet's entry", parseAudience)
    .option(
      "--service-account <namespace/name>",
      "print the policy for this service account instead",
      parseServiceAccount,
    )
    .option("--cluster <ocid>", "the cluster in the policy", parsePlain, "CLUSTER_OCID")
    .option("--compartment <name>", "the compartment of the repositories", parsePlain, "COMPARTMENT")
    .action((audience: string, { serviceAccount, cluster, compartment }: GrantsOptions) => {
      if (serviceAccount === undefined) process.stdout.write(audienceRbac(audience));
      else process.stdout.write(serviceAccountPolicy({ ...serviceAccount, cluster, compartment }));
    });
}

export function parseAudience(text: string): string {
  if (!isAudience(text))
    throw new InvalidArgumentError("it is empty, begins with -, or has a space, quote or backslash");
  return text;
}

function parseServiceAccount(text: string): GrantsOptions["serviceAccount"] {
  const [namespace = "", name = "", ...more] = text.split("/");
  if (more.length > 0 || !DNS_NAME.test(namespace) || !DNS_NAME.test(name))
    throw new InvalidArgumentError("write it like shop/puller");
  return { namespace, serviceAccount: name };
}

function parsePlain(text: string): string {
  if (!PLAIN.test(text)) throw new InvalidArgumentError("only letters, digits and . : _ - are allowed");
  return text;
}
