/**
 * The jobs of the simulated GitHub Actions: what a job finds in its environment, and the tokens that it gets. Claims and lives as in
 * "OpenID Connect reference" on docs.github.com; the URL has a query already, and the job authenticates with a bearer token.
 */
import { generateKeyPair, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { signJwt } from "./jwt.ts";
import { publishedKey, verifyIssuedToken } from "./token-issuer.ts";

export interface JobToken {
  /** Such as `repo:acme/shop:ref:refs/heads/main`. */
  readonly subject: string;
  /** Default: the URL of the repository's owner. */
  readonly audience?: string | undefined;
  /** Default five minutes, GitHub's. */
  readonly lifeMs?: number;
}

const ISSUER = "https://token.actions.githubusercontent.com";
const OWNER = "https://github.com/acme";
const LIFE_MS = 300_000;
/** A job runs for six hours at most. */
const JOB_MS = 21_600_000;
const OF_A_JOB = "job";

export async function createJobs(clock: Clock) {
  const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2_048 });
  const keys = { keys: [publishedKey(publicKey, "simulated-github")] };

  function issue({ subject, audience = OWNER, lifeMs = LIFE_MS }: JobToken): string {
    const iat = Math.floor(clock.wallMs() / 1_000);
    const life = { iat, nbf: iat, exp: iat + Math.ceil(lifeMs / 1_000) };
    const claims = { iss: ISSUER, sub: subject, aud: audience, jti: randomUUID(), ...life };
    return signJwt({ kid: "simulated-github" }, claims, privateKey);
  }

  return {
    issuer: ISSUER,
    keys,
    issue,
    /** The bearer token of a job with `id-token: write`. */
    startJob: (subject: string) => issue({ subject, audience: OF_A_JOB, lifeMs: JOB_MS }),
    /** @throws {Refusal} NotAuthenticated */
    subjectOf: (bearer: string) =>
      String(verifyIssuedToken(bearer, { issuer: ISSUER, keys, audience: OF_A_JOB }, clock.wallMs())["sub"]),
  };
}
