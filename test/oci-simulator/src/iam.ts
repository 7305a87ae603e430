/**
 * The simulated tenancy's grants: whether the dynamic group exists, and which repositories its policy covers, are public, or exist.
 * Its user is an administrator. Decides who may read what; the registry answers.
 */
import * as z from "zod";
import { isUser } from "./auth/api-keys.ts";
import { isMember, serviceAccountOf, serviceUserGroupOf } from "./auth/session-tokens.ts";
import type { Claims } from "./jwt.ts";

export const iamChangeSchema = z.strictObject({
  /** Whether the dynamic group exists from now on; a token records this at its issue. */
  dynamicGroup: z.boolean().optional(),
  /** The repository (`ns/repo`) of the other fields; without it, `granted` and `writable` apply to all repositories not named. */
  repository: z.string().optional(),
  /** A service account of the cluster as `namespace/name`: `granted` then is for it, and not for the dynamic group. */
  serviceAccount: z.string().optional(),
  /** A group of service users of the identity domain: `granted` then is for it, and not for the dynamic group. */
  group: z.string().optional(),
  /** Whether the policy lets the dynamic group read; evaluated at each pull. */
  granted: z.boolean().optional(),
  /** Whether the policy also lets the dynamic group, and service accounts and groups that it grants, push; not by default. */
  writable: z.boolean().optional(),
  public: z.boolean().optional(),
  /** Whether it exists; for a name without a slash, whether a tenancy has this namespace. */
  exists: z.boolean().optional(),
});
export type IamChange = Readonly<z.infer<typeof iamChangeSchema>>;

export type Action = "pull" | "push";

export type Iam = ReturnType<typeof createIam>;

interface Repository extends Pick<IamChange, "granted" | "writable" | "public" | "exists"> {
  /** Service accounts with a policy of their own. */
  readonly serviceAccounts: Set<string>;
  /** Groups of service users, likewise. */
  readonly groups: Set<string>;
}

export function isAnonymous(claims: Claims): boolean {
  return claims["sub"] === "anonymous";
}

/** Of everything but the repositories that are named. */
const START = { groupExists: true, granted: true, writable: false };

export function createIam() {
  let now = START;
  const repositories = new Map<string, Repository>();

  /** The rights of the holder of a token with these claims. */
  function permission(name: string, claims: Claims) {
    const repository = repositories.get(name);
    const found = repository?.exists === false ? "absent" : "granted";
    if (repository?.public ?? isOraclesOwn(name)) return found;
    const group = serviceUserGroupOf(claims);
    if (group !== undefined) return repository?.groups.has(group) ? found : "denied";
    if (isUser(claims)) return found;
    const serviceAccount = serviceAccountOf(claims);
    if (serviceAccount !== undefined) return repository?.serviceAccounts.has(serviceAccount) ? found : "denied";
    return isMember(claims) && (repository?.granted ?? now.granted) ? found : "denied";
  }

  return {
    change({ dynamicGroup, repository: name, serviceAccount, group, ...rest }: IamChange): void {
      const { granted = now.granted, writable = now.writable } = name === undefined ? rest : now;
      now = { groupExists: dynamicGroup ?? now.groupExists, granted, writable };
      if (name === undefined) return;
      const repository: Repository = repositories.get(name) ?? { serviceAccounts: new Set(), groups: new Set() };
      const isForAll = serviceAccount === undefined && group === undefined;
      repositories.set(name, isForAll ? { ...repository, ...rest } : repository);
      const change = rest.granted ? "add" : "delete";
      if (serviceAccount !== undefined) repository.serviceAccounts[change](serviceAccount);
      if (group !== undefined) repository.groups[change](group);
    },
    reset(): void {
      now = START;
      repositories.clear();
    },
    groupExists: () => now.groupExists,
    /** Whether a tenancy has the namespace of the repository. */
    tenantExists: (name: string) => repositories.get(name.split("/")[0] ?? "")?.exists !== false,
    permission,
    /** The same rights as the actions of a registry token. */
    actions(name: string, claims: Claims): readonly Action[] {
      const mayPull = permission(name, claims) !== "denied";
      const isWritable = repositories.get(name)?.writable ?? now.writable;
      const isGranted = mayPull && (serviceAccountOf(claims) ?? serviceUserGroupOf(claims)) !== undefined;
      const mayPush = isUser(claims) || ((isMember(claims) || isGranted) && isWritable);
      return [...(mayPull ? (["pull"] as const) : []), ...(mayPush ? (["push"] as const) : [])];
    },
  };
}

/** OKE's own images, `<namespace>/oke-public-*`, are public in every region. */
function isOraclesOwn(repository: string): boolean {
  return /^[^/]+\/oke-public-/.test(repository);
}
