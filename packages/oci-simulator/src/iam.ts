/**
 * What the simulated tenancy grants: whether the dynamic group exists, which repositories its policy covers,
 * which are public, which are there at all. Says who may read what, not how that is answered.
 */
import type { Claims } from "./jwt.ts";
import { Refusal } from "./refusal.ts";
import { isMember } from "./session-tokens.ts";

export interface IamChange {
  /** Whether the dynamic group exists from now on: a token remembers how this was when it was made. */
  readonly dynamicGroup?: boolean;
  /** Which repository (`ns/repo`) the rest is about; without it, `granted` is about all that are not named elsewhere. */
  readonly repository?: string;
  /** Whether the policy lets the dynamic group read. Looked at with every pull. */
  readonly granted?: boolean;
  /** Whether everybody may read it. */
  readonly public?: boolean;
  /** Whether it is there. */
  readonly exists?: boolean;
}

export type Permission = "granted" | "denied" | "denied-anonymous" | "absent";

export interface Iam {
  change(change: IamChange): void;
  reset(): void;
  groupExists(): boolean;
  /** What the holder of a token with these claims gets. */
  permission(repository: string, claims: Claims): Permission;
}

interface Repository {
  granted?: boolean;
  public?: boolean;
  exists?: boolean;
}

const FIELDS: Readonly<Record<keyof IamChange, "boolean" | "string">> = {
  dynamicGroup: "boolean",
  repository: "string",
  granted: "boolean",
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
  if ((change["granted"] ?? change["dynamicGroup"] ?? change["public"] ?? change["exists"]) === undefined) {
    throw new Refusal("InvalidParameter", "nothing to change");
  }
  return value as IamChange;
}

function isAnonymous(claims: Claims): boolean {
  return claims["sub"] === "anonymous";
}

export function createIam(): Iam {
  let groupExists = true;
  let grantedElsewhere = true;
  const repositories = new Map<string, Repository>();

  return {
    change({ dynamicGroup, repository, ...rest }) {
      groupExists = dynamicGroup ?? groupExists;
      if (repository === undefined) grantedElsewhere = rest.granted ?? grantedElsewhere;
      else repositories.set(repository, { ...repositories.get(repository), ...rest });
    },
    reset() {
      groupExists = true;
      grantedElsewhere = true;
      repositories.clear();
    },
    groupExists: () => groupExists,
    permission(name, claims) {
      const repository = repositories.get(name);
      const found = repository?.exists === false ? "absent" : "granted";
      if (repository?.public ?? isOraclesOwn(name)) return found;
      if (isAnonymous(claims)) return "denied-anonymous";
      return isMember(claims) && (repository?.granted ?? grantedElsewhere) ? found : "denied";
    },
  };
}

/** OKE's own images are public in every region. */
function isOraclesOwn(repository: string): boolean {
  return repository.slice(repository.lastIndexOf("/") + 1).startsWith("oke-public-");
}
