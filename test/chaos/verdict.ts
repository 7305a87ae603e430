/**
 * Judges every call, every text that the daemon shows, and its memory. Changes nothing; remembers tokens from answers, to detect
 * them in places where they must not be.
 */
import type { CredentialProviderResult } from "@ocir-broker/testkit";
import { type Answer, claimsOf } from "../e2e/stage.ts";

/** Excuses for a failed call: no valid token was known, or the daemon had to drop it. */
export type Excuse = "unknown" | "forgotten";

/** The expected result of a call. */
export interface Expected {
  /** `token`: a token for this registry host. `nothing`: an empty answer. */
  readonly kind: "token" | "nothing";
  readonly registryHost: string;
}

export interface CallFacts {
  readonly expected: Expected;
  readonly result: CredentialProviderResult;
  /** Undefined if it must not fail, because the daemon had a valid token for this host throughout. */
  readonly excuse: Excuse | undefined;
}

export interface Verdict {
  judgeCall(facts: CallFacts): void;
  /** Checks that the text has no token, session or key. */
  judgeText(where: string, text: string): void;
  judgeLimit(what: string, value: number, atMost: number): void;
  violations(): readonly string[];
  answered(): number;
  /** Calls for a token that had to succeed. */
  unexcused(): number;
}

/** The shim gives up after 44 s, and a busy machine needs extra time to run it. */
const LONGEST_CALL_MS = 50_000;

const ERROR_LINE = /^ocir-broker: ([a-z-]+): [ -~]+; [ -~]+\n$/;
const SECRET = /eyJ[\w-]{10,}\.|ST\$|PRIVATE KEY|BEARER_TOKEN/;

export interface VerdictOptions {
  /** The audience of a token for a registry host. */
  readonly audienceOf: (registryHost: string) => string | undefined;
  readonly tokenLifeMs: number;
  readonly onViolation: (violation: string) => void;
}

export function createVerdict({ audienceOf, tokenLifeMs, onViolation }: VerdictOptions): Verdict {
  const violations: string[] = [];
  const signatures = new Set<string>();
  let answered = 0;
  let unexcused = 0;

  function violate(violation: string): void {
    violations.push(violation);
    onViolation(violation);
  }

  function judgeToken(registryHost: string, token: string): void {
    const { aud, exp, iat } = claimsOf(token) as { aud: string; exp?: number; iat: number };
    signatures.add(token.slice(token.lastIndexOf(".") + 1));
    if (aud !== audienceOf(registryHost)) violate(`${registryHost}: another host's token, for ${aud}`);
    const leftMs = (exp ?? iat + tokenLifeMs / 1_000) * 1_000 - Date.now();
    if (!(leftMs > 0)) violate(`${registryHost}: a token that ended ${-leftMs} ms ago`);
  }

  function judgeAnswer({ kind, registryHost }: Expected, stdout: Buffer): void {
    answered += 1;
    const auth = authOf(stdout);
    if (auth === undefined) violate(`${registryHost}: exit 0 and no answer on stdout, ${stdout.length} bytes`);
    else if (kind === "token" && !auth[registryHost]?.password) violate(`${registryHost}: an answer without its token`);
    else if (kind === "nothing" && Object.keys(auth).length > 0)
      violate(`${registryHost}: credentials for a foreign host`);
    for (const { password } of Object.values(auth ?? {})) if (password !== "") judgeToken(registryHost, password);
  }

  function judgeText(where: string, text: string): void {
    const isKnown = [...signatures].some((signature) => text.includes(signature));
    if (isKnown || SECRET.test(text)) violate(`${where}: a secret in it`);
  }

  return {
    judgeCall({ expected, result: { exitCode, signal, stdout, stderr, elapsedMs }, excuse }) {
      const { registryHost, kind } = expected;
      if (kind === "token" && excuse === undefined) unexcused += 1;
      judgeText("stderr", stderr);
      if (elapsedMs > LONGEST_CALL_MS) violate(`${registryHost}: a call of ${elapsedMs.toFixed()} ms`);
      if (exitCode === 0) {
        judgeAnswer(expected, stdout);
        return;
      }
      const code = ERROR_LINE.exec(stderr)?.[1];
      if (exitCode !== 1 || code === undefined)
        violate(`${registryHost}: exit ${exitCode ?? signal} with ${JSON.stringify(stderr)}`);
      if (stdout.length > 0) violate(`${registryHost}: ${stdout.length} bytes on stdout of a call that failed`);
      if (kind === "token" && excuse !== undefined) return;
      violate(`${registryHost}: failed after ${elapsedMs.toFixed()} ms, though there was an answer: ${stderr.trim()}`);
    },
    judgeText,
    judgeLimit(what, value, atMost) {
      if (!(value <= atMost)) violate(`${what}: ${value}, at most ${atMost}`);
    },
    violations: () => violations,
    answered: () => answered,
    unexcused: () => unexcused,
  };
}

function authOf(stdout: Buffer): Answer["auth"] | undefined {
  try {
    return (JSON.parse(stdout.toString()) as Answer).auth;
  } catch {
    return undefined;
  }
}
