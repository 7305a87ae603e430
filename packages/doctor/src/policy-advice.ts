/** The policy that an identity needs. Oracle's statements name a group for users, and a dynamic group for instances and resources. */
import type { IdentityProviderName } from "@ocir-broker/identity/identity-providers";

interface Grantee {
  /** In the form of a policy statement. */
  readonly name: string;
  readonly membership: string;
}

const USERS: Grantee = { name: "group <name>", membership: "the user is in the group" };
const INSTANCES: Grantee = {
  name: "dynamic-group <name>",
  membership: "the dynamic group's rule matches this instance: `ALL {instance.compartment.id = '<compartment OCID>'}`",
};

const GRANTEES: Readonly<Record<IdentityProviderName, Grantee>> = {
  "instance-principal": INSTANCES,
  user: USERS,
  "cli-session": USERS,
  "resource-principal": { name: "dynamic-group <name>", membership: "the dynamic group's rule matches this resource" },
  none: INSTANCES,
};

/** @param repository with the tenancy's namespace, which policies leave out. */
export function policyAdvice(provider: IdentityProviderName, repository: string): string {
  const { name, membership } = GRANTEES[provider];
  const statement = `Allow ${name} to read repos in compartment <name>`;
  const repositoryName = repository.split("/").slice(1).join("/");
  return [
    `in the tenancy, add the policy statement \`${statement}\``,
    ` (for this repository alone: \`${statement} where target.repo.name='${repositoryName}'\`)`,
    `, and check that ${membership}.`,
    " A new policy takes a few minutes, a changed group up to an hour; no restart on the node is needed",
  ].join("");
}
