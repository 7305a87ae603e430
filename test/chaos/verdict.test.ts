/** Each promise that a chaos run holds the node to, broken by a stand-in that lies: the verdict must say so. */
import type { CredentialProviderResult } from "@ocir-broker/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import { type CallFacts, createVerdict, type Verdict } from "./verdict.ts";

const HOST = "icn.ocir.io";
const LIFE_MS = 40_000;
const ERROR_LINE = "ocir-broker: timeout: Oracle's services did not answer in time; look\n";

let verdict: Verdict;

beforeEach(() => {
  verdict = createVerdict({ audienceOf: (host) => `for ${host}`, tokenLifeMs: LIFE_MS, onViolation: () => {} });
});

const part = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString("base64url");

/** As the registry signs it, which nobody here checks. */
function token(claims: { aud?: string; leftMs?: number } = {}): string {
  const { aud = `for ${HOST}`, leftMs = LIFE_MS } = claims;
  return `${part({ alg: "RS256" })}.${part({ aud, iat: 0, exp: (Date.now() + leftMs) / 1_000 })}.c2lnbmF0dXJlIG9mIGEgdG9rZW4`;
}

const answer = (password: string, host = HOST): string =>
  JSON.stringify({ auth: { [host]: { username: "", password } } });

function judge(result: Partial<CredentialProviderResult>, facts: Partial<CallFacts> = {}): readonly string[] {
  const { stdout = Buffer.alloc(0), stderr = "", exitCode = 0, elapsedMs = 5 } = result;
  verdict.judgeCall({
    expected: { kind: "token", registryHost: HOST },
    result: { ...result, stdout, stderr, exitCode, elapsedMs } as CredentialProviderResult,
    excuse: undefined,
    ...facts,
  });
  return verdict.violations();
}

const says = (stdout: string): Partial<CredentialProviderResult> => ({ stdout: Buffer.from(stdout) });

describe("judgeCall lets pass", () => {
  it("a good token", () => {
    expect(judge(says(answer(token())))).toEqual([]);
    expect([verdict.answered(), verdict.unexcused()]).toEqual([1, 1]);
  });

  it("an empty answer for a foreign host, and a line for a request that is none", () => {
    judge(says('{"auth":{}}'), { expected: { kind: "nothing", registryHost: "foreign" } });
    expect(judge({ exitCode: 1, stderr: ERROR_LINE }, { expected: { kind: "refusal", registryHost: "-" } })).toEqual(
      [],
    );
  });

  it("a failure with an excuse, and counts it", () => {
    expect(judge({ exitCode: 1, stderr: ERROR_LINE }, { excuse: "told to forget" })).toEqual([]);
    expect(verdict.failed()).toEqual({ codes: { timeout: 1 }, excuses: { "told to forget": 1 } });
    expect(verdict.unexcused()).toBe(0);
  });
});

describe("judgeCall finds", () => {
  it.each<[what: string, result: Partial<CredentialProviderResult>, facts: Partial<CallFacts>, violation: RegExp]>([
    ["a token that has ended", says(answer(token({ leftMs: -1 }))), {}, /token that ended/],
    ["another host's token", says(answer(token({ aud: "for iad.ocir.io" }))), {}, /another host's token/],
    ["an answer that is empty", says(""), {}, /exit 0 and no answer/],
    ["an answer that is cut off", says(answer(token()).slice(0, -9)), {}, /exit 0 and no answer/],
    ["an answer without its token", says('{"auth":{}}'), {}, /without its token/],
    ["an answer for another host alone", says(answer(token(), "iad.ocir.io")), {}, /without its token/],
    ["a failure though a token is known", { exitCode: 1, stderr: ERROR_LINE }, {}, /though there was an answer/],
    [
      "a failure for a foreign host, whatever the excuse",
      { exitCode: 1, stderr: ERROR_LINE },
      { expected: { kind: "nothing", registryHost: "foreign" }, excuse: "told to forget" },
      /though there was an answer/,
    ],
    [
      "a token for a foreign host",
      says(answer(token())),
      { expected: { kind: "nothing", registryHost: "foreign" } },
      /foreign host/,
    ],
    [
      "a token for a request that is none",
      says(answer(token())),
      { expected: { kind: "refusal", registryHost: "-" } },
      /request that is none/,
    ],
    ["a failure that says nothing", { exitCode: 1 }, { excuse: "no good token known" }, /exit 1 with ""/],
    ["a crash", { exitCode: null, signal: "SIGSEGV" }, { excuse: "no good token known" }, /exit SIGSEGV/],
    [
      "a failure with something on stdout",
      { ...says("{}"), exitCode: 1, stderr: ERROR_LINE },
      { excuse: "no good token known" },
      /2 bytes on stdout/,
    ],
    [
      "a call that outlasts the kubelet's patience",
      { ...says(answer(token())), elapsedMs: 60_000 },
      {},
      /call of 60000/,
    ],
    [
      "a token on stderr",
      { exitCode: 1, stderr: `ocir-broker: internal: ${token()}; look\n` },
      { excuse: "no good token known" },
      /stderr: a secret/,
    ],
  ])("%s", (_what, result, facts, violation) => {
    expect(judge(result, facts).join("\n")).toMatch(violation);
  });
});

describe("judgeText finds", () => {
  it.each([
    ["a token", () => token()],
    ["the signature alone of a token that was answered", () => "c2lnbmF0dXJlIG9mIGEgdG9rZW4"],
    ["a session", () => 'keyId="ST$eyJ"'],
    ["a key", () => "-----BEGIN PRIVATE KEY-----"],
  ])("%s", (_what, secret) => {
    judge(says(answer(token())));
    verdict.judgeText("log", `{"msg":"${secret()}"}`);
    expect(verdict.violations()).toEqual(["log: a secret in it"]);
  });

  it("nothing in a line without one", () => {
    judge(says(answer(token())));
    verdict.judgeText("log", '{"level":"info","registryHost":"icn.ocir.io","outcome":"hit"}');
    expect(verdict.violations()).toEqual([]);
  });
});

it.each([
  [30, 30, 0],
  [31, 30, 1],
  [Number.NaN, 30, 1],
])("judgeLimit takes %d of at most %d with %d violations", (value, atMost, count) => {
  verdict.judgeLimit("descriptors", value, atMost);
  expect(verdict.violations()).toHaveLength(count);
});
