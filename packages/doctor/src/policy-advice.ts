/** The policy that an identity needs. Oracle's statements name a group for users, and a dynamic group for instances and resources. */
import { X509Certificate } from "node:crypto";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import type { IdentityProviderName } from "@ocir-broker/identity/identity-providers";

interface Grantee {
  /** In the form of a policy statement. */
  readonly name: string;
  readonly membership: string;
  /** Of the statement, for everybody who is not in a group. */
  readonly conditions?: string;
}

const COMPARTMENT = "<compartment OCID>";

const USERS: Grantee = { name: "group <name>", membership: "the user is in the group" };
const INSTANCES: Grantee = {
  name: "dynamic-group <name>",
  membership: `the dynamic group's rule matches this instance: \`ALL {instance.compartment.id = '${COMPARTMENT}'}\``,
};

const GRANTEES: Readonly<Record<IdentityProviderName, Grantee>> = {
  "instance-principal": INSTANCES,
  user: USERS,
  "cli-session": USERS,
  "resource-principal": { name: "dynamic-group <name>", membership: "the dynamic group's rule matches this resource" },
  "workload-identity-federation": {
    name: "group <name>",
    membership: "the service user that the trust's rule names is in the group",
  },
  "oke-workload-identity": {
    name: "any-user",
    membership: "the statement names this pod's namespace, service account and cluster",
    conditions:
      "request.principal.type = 'workload', request.principal.namespace = '<namespace>', " +
      "request.principal.service_account = '<service account>', request.principal.cluster_id = '<cluster OCID>'",
  },
  none: INSTANCES,
};

/** The OCID of the instance's compartment, from its certificate in PEM. */
export function compartmentIn(certificate: Buffer | undefined): string | undefined {
  const subject = resultIfAny(() => new X509Certificate(certificate ?? "").subject) ?? "";
  return /=opc-compartment:([\w.:-]+)/.exec(subject)?.[1];
}

/**
 * @param repository with the tenancy's namespace, which policies leave out.
 * @param compartment the OCID of the instance's, if it is known.
 */
export function policyAdvice(provider: IdentityProviderName, repository: string, compartment = COMPARTMENT): string {
  const { name, membership, conditions } = GRANTEES[provider];
  const allow = `Allow ${name} to read repos in compartment <name>`;
  const repositoryName = `target.repo.name='${repository.split("/").slice(1).join("/")}'`;
  const statement = conditions === undefined ? allow : `${allow} where all {${conditions}}`;
  const ofRepository = conditions === undefined ? repositoryName : `all {${conditions}, ${repositoryName}}`;
  return [
    `in the tenancy, add the policy statement \`${statement}\``,
    `or, for this repository alone, \`${allow} where ${ofRepository}\``,
    `check that ${membership.replace(COMPARTMENT, compartment)}`,
    "a new policy takes a few minutes, a changed group up to an hour, a tag changed on a running instance probably up to two",
    "no restart on the node is needed",
  ].join("; ");
}
