/**
 * The simulated tenancy's grants: whether the dynamic group exists, and which repositories its policy covers, are public, or exist.
 * Its user is an administrator. Decides who may read what; the registry answers.
 */

import { isUser } from "./auth/api-keys.ts";
import { isMember, serviceAccountOf, serviceUserGroupOf } from "./auth/session-tokens.ts";
import { Refusal } from "./http/refusal.ts";
import type { Claims } from "./jwt.ts";

export interface IamChange {
  /** Whether the dynamic group exists from now on; a token records this at its issue. */
  readonly dynamicGroup?: boolean;
  /** Value of the instance's tag `oke.pool`; empty, as at the start, for none. Only the next certificate contains it. */
  readonly tag?: string;
  /** Value of that tag that the dynamic group's rule requires; empty, as at the start, for a rule without it. */
  readonly groupTag?: string;
  /** The repository (`ns/repo`) of the other fields; without it, `granted` and `writable` apply to all repositories not named. */
  readonly repository?: string;
  /** A service account of the cluster as `namespace/name`: `granted` then is for it, and not for the dynamic group. */
  readonly serviceAccount?: string;
  /** A group of service users of the identity domain: `granted` then is for it, and not for the dynamic group. */
  readonly group?: string;
  /** Whether the policy lets the dynamic group read; evaluated at each pull. */
  readonly granted?: boolean;
  /** Whether the policy also lets the dynamic group and granted service accounts push; a node's does not, by default. */
  readonly writable?: boolean;
  /** Whether anyone may read it. */
  readonly public?: boolean;
  /** Whether it exists; for a name without a slash, whether a tenancy has this namespace. */
  readonly exists?: boolean;
}

export type Action = "pull" | "push";

type Permission = "granted" | "denied" | "absent";

export interface Iam {
  change(change: IamChange): void;
  reset(): void;
  groupExists(): boolean;
  /** The value of the instance's tag `oke.pool` now; empty for none. */
  tag(): string;
  /** Whether the dynamic group contains an instance whose certificate has this value of the tag. */
  isInGroup(certifiedTag: string): boolean;
  /** Whether a tenancy has the namespace of the repository. */
  tenantExists(repository: string): boolean;
  /** The rights of the holder of a token with these claims. */
  permission(repository: string, claims: Claims): Permission;
  /** The same as the actions of a registry token. */
  actions(repository: string, claims: Claims): readonly Action[];
}

interface Repository {
  /** Service accounts with a policy of their own. */
  readonly serviceAccounts: Set<string>;
  /** Groups of service users, likewise. */
  readonly groups: Set<string>;
  granted?: boolean;
  writable?: boolean;
  public?: boolean;
  exists?: boolean;
}

const FIELDS: Readonly<Record<keyof IamChange, "boolean" | "string">> = {
  dynamicGroup: "boolean",
  tag: "string",
  groupTag: "string",
  repository: "string",
  serviceAccount: "string",
  group: "string",
  granted: "boolean",
  writable: "boolean",
  public: "boolean",
  exists: "boolean",
};

/** @throws {Refusal} naming the field. */
export function parseIamChange(value: unknown): IamChange {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal("InvalidParameter", "a change is a JSON object");
  }
  const change: Record<string, unknown> = { ...value };
  for (const [name, given] of Object.entries(change)) {
    const wanted = Object.hasOwn(FIELDS, name) ? FIELDS[name as keyof IamChange] : undefined;
    if (wanted === undefined) {
      throw new Refusal("InvalidParameter", `unknown field ${name}; known: ${Object.keys(FIELDS).join(", ")}`);
    }
    if (typeof given !== wanted) throw new Refusal("InvalidParameter", `${name} must be a ${wanted}`);
  }
  if (change["repository"] === undefined && (change["public"] ?? change["exists"]) !== undefined) {
    throw new Refusal("InvalidParameter", "public and exists need a repository");
  }
  const hasGrantee = (change["serviceAccount"] ?? change["group"]) !== undefined;
  if (hasGrantee && (change["repository"] === undefined || change["granted"] === undefined)) {
    throw new Refusal("InvalidParameter", "serviceAccount needs a repository and granted, and so does group");
  }
  if (
    Object.keys(FIELDS).every(
      (name) => ["repository", "serviceAccount", "group"].includes(name) || change[name] === undefined,
    )
  ) {
    throw new Refusal("InvalidParameter", "nothing to change");
  }
  return value as IamChange;
}

export function isAnonymous(claims: Claims): boolean {
  return claims["sub"] === "anonymous";
}

export function createIam(): Iam {
  let groupExists = true;
  let tag = "";
  let groupTag = "";
  let grantedElsewhere = true;
  let writableElsewhere = false;
  const repositories = new Map<string, Repository>();

  function permission(name: string, claims: Claims): Permission {
    const repository = repositories.get(name);
    const found = repository?.exists === false ? "absent" : "granted";
    if (repository?.public ?? isOraclesOwn(name)) return found;
    const group = serviceUserGroupOf(claims);
    if (group !== undefined) return repository?.groups.has(group) ? found : "denied";
    if (isUser(claims)) return found;
    const serviceAccount = serviceAccountOf(claims);
    if (serviceAccount !== undefined) return repository?.serviceAccounts.has(serviceAccount) ? found : "denied";
    return isMember(claims) && (repository?.granted ?? grantedElsewhere) ? found : "denied";
  }

  return {
    change({ dynamicGroup, repository: name, serviceAccount, group, ...rest }) {
      groupExists = dynamicGroup ?? groupExists;
      tag = rest.tag ?? tag;
      groupTag = rest.groupTag ?? groupTag;
      const unknown = () => ({ serviceAccounts: new Set<string>(), groups: new Set<string>() });
      const repository: Repository | undefined = name === undefined ? undefined : (repositories.get(name) ?? unknown());
      if (name !== undefined && repository !== undefined) {
        const isForAll = serviceAccount === undefined && group === undefined;
        repositories.set(name, isForAll ? { ...repository, ...rest } : repository);
        const change = rest.granted ? "add" : "delete";
        if (serviceAccount !== undefined) repository.serviceAccounts[change](serviceAccount);
        if (group !== undefined) repository.groups[change](group);
        return;
      }
      grantedElsewhere = rest.granted ?? grantedElsewhere;
      writableElsewhere = rest.writable ?? writableElsewhere;
    },
    reset() {
      groupExists = true;
      tag = "";
      groupTag = "";
      grantedElsewhere = true;
      writableElsewhere = false;
      repositories.clear();
    },
    groupExists: () => groupExists,
    tag: () => tag,
    isInGroup: (certifiedTag) => groupExists && (groupTag === "" || groupTag === certifiedTag),
    tenantExists: (name) => repositories.get(name.split("/")[0] ?? "")?.exists !== false,
    permission,
    actions(name, claims) {
      const mayPull = permission(name, claims) !== "denied";
      const isWritable = repositories.get(name)?.writable ?? writableElsewhere;
      const isServiceAccount = mayPull && serviceAccountOf(claims) !== undefined;
      const mayPush = isUser(claims) || ((isMember(claims) || isServiceAccount) && isWritable);
      return [...(mayPull ? (["pull"] as const) : []), ...(mayPush ? (["push"] as const) : [])];
    },
  };
}

/** OKE's own images, `<namespace>/oke-public-*`, are public in every region. */
function isOraclesOwn(repository: string): boolean {
  return /^[^/]+\/oke-public-/.test(repository);
}
