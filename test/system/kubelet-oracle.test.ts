/**
 * Compares check, merge, remove, and the response's decoder and encoder with the kubelet's own code on seeded corpora. Short: the
 * newest Kubernetes. Long (`npm run test:long`): each since 1.34.
 */
import { join } from "node:path";
import { checkCredentialProviderConfig } from "@ocir-broker/kubelet-config/checking/check";
import { mergeProvider, removeProviders } from "@ocir-broker/kubelet-config/merging/merge";
import { decodeConfigText } from "@ocir-broker/kubelet-config/reading/document";
import { decodeCredentialProviderResponse } from "@ocir-broker/kubelet-config/response";
import { PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { encodeCredentialProviderResponse } from "@ocir-broker/protocol/response";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeAll, describe, expect, test } from "vitest";
import { configurationBytes } from "../kubelet-oracle/configurations.ts";
import { buildOracle, judge, PROGRAMS, type Verdict } from "../kubelet-oracle/oracle.ts";
import { createRandom } from "../kubelet-oracle/random.ts";
import { responseBytes } from "../kubelet-oracle/responses.ts";
import { lackOf } from "../real-registry.ts";
import { isLongRun } from "./long-run.ts";

const MINORS = isLongRun ? [34, 35, 36, 37] : [37];
const CASES = isLongRun ? 20_000 : 2_000;
const SEED = 20_261_125;
/** Every refusal of ours that the kubelet does not share. Any other one is a bug in our rules. */
const REASONS: readonly (readonly [message: RegExp, reason: string])[] = [
  [/: a carriage return alone$/, "a carriage return alone is read in no file"],
  [/^not-understood/, "outside the subset of YAML that is read"],
  [
    /^field-type-invalid: .*number, not a string/,
    "a number too large for a float64 is a text in the kubelet's YAML reader",
  ],
];

const noGo = lackOf("go");

describe.skipIf(noGo !== "").each(MINORS)(`the kubelet's own code of Kubernetes 1.%i${noGo}`, (minor) => {
  const program = join(temporaryFolder(), String(minor));
  // Compiling it for the first time takes minutes.
  beforeAll(() => buildOracle(minor, program), 1_800_000);

  test(`refuses none of ${CASES} configurations that check accepts`, async () => {
    const cases = many((index) => configurationBytes(SEED, index));
    const verdicts = await judge(program, "configurations", cases);
    const ours = cases.map((bytes) => refusalOf(decodeConfigText(bytes), minor));
    expectAgreement(cases, verdicts, ours);
  });

  test(`decodes ${CASES} merged and removed configurations to what they were`, async () => {
    const before = many((index) => configurationBytes(SEED + 1, index));
    const merge = (text: string) => mergeProvider(text, { kubeletMinor: minor });
    const merged = before.map((bytes) => edited(bytes, merge));
    const removed = before.map((bytes) => edited(bytes, removeProviders));
    // A second merge changes nothing.
    expect(merged.filter((bytes, index) => bytes !== before[index] && !edited(bytes, merge).equals(bytes))).toEqual([]);
    const verdicts = await judge(program, "configurations", [...before, ...merged, ...removed]);
    const wrong = before.flatMap((bytes, index) => {
      const [was, ...became] = [0, CASES, 2 * CASES].map((offset) => verdicts[offset + index] as Verdict);
      const isKept = became.every((now) => isSame(was as Verdict, now));
      return isKept ? [] : [bytes.toString()];
    });
    expect(wrong).toEqual([]);
  });

  test(`refuses none of ${CASES} responses that our decoder accepts`, async () => {
    const cases = many((index) => responseBytes(SEED, index));
    const verdicts = await judge(program, "responses", cases);
    const ours = cases.map((bytes) => {
      const text = bytes.toString();
      const response = decodeCredentialProviderResponse(text);
      return "problem" in response
        ? `${response.problem}${/\r(?!\n)/.test(text) ? ": a carriage return alone" : ""}`
        : undefined;
    });
    expectAgreement(cases, verdicts, ours);
  });

  test("gives the credentials of every response that our encoder writes, the token before the anonymous entry", async () => {
    const auths = many((index) => someAuth(index)).slice(0, CASES / 10);
    const cases = auths.map((auth) => encodeCredentialProviderResponse("credentialprovider.kubelet.k8s.io/v1", auth));
    const verdicts = await judge(program, "responses", cases);
    expect(verdicts).toEqual(
      auths.map((auth) => ({ auth: [withoutEmpty(auth["iad.ocir.io"]), withoutEmpty(auth["*.ocir.io"])] })),
    );
  });
});

function many<Case>(make: (index: number) => Case): Case[] {
  return Array.from({ length: CASES }, (_, index) => make(index));
}

/** Why check refuses the text; undefined if it does not. */
function refusalOf(text: string, kubeletMinor: number): string | undefined {
  const options = { kubeletMinor, hasExecutable: (name: string) => PROGRAMS.includes(name) };
  const fatal = checkCredentialProviderConfig([{ path: "", text }], options).find(
    ({ severity }) => severity !== "warning",
  );
  return fatal === undefined ? undefined : `${fatal.code}: ${fatal.message}`;
}

function expectAgreement(
  cases: readonly Buffer[],
  verdicts: readonly Verdict[],
  ours: readonly (string | undefined)[],
): void {
  const wronglyAccepted: string[] = [];
  const refusals = new Map<string, number>();
  for (const [index, { error }] of verdicts.entries()) {
    const refusal = ours[index];
    if (refusal === undefined && error !== undefined) wronglyAccepted.push(`${error}: ${cases[index]}`);
    if (refusal === undefined || error !== undefined) continue;
    const reason = REASONS.find(([message]) => message.test(refusal))?.[1] ?? `no reason: ${refusal}: ${cases[index]}`;
    refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
  }
  const both = verdicts.filter(({ error }, index) => error === undefined && ours[index] === undefined).length;
  console.info(`${verdicts.length} cases, ${both} accepted by both, ${wronglyAccepted.length} by ours alone`, refusals);
  expect(wronglyAccepted).toEqual([]);
  expect([...refusals.keys()].filter((reason) => reason.startsWith("no reason"))).toEqual([]);
  expect(both).toBeGreaterThan(CASES / 20);
}

/** The file after the change; unchanged if the change is refused or would leave no provider. */
function edited(bytes: Buffer, change: (text: string) => string | undefined): Buffer {
  try {
    const text = change(decodeConfigText(bytes));
    return text === undefined ? bytes : Buffer.from(text);
  } catch {
    return bytes;
  }
}

/** A file that the kubelet accepted is still accepted, and decodes to the same other providers. */
function isSame(was: Verdict, now: Verdict): boolean {
  if (was.error === undefined && now.error !== undefined) return false;
  return was.decoded === undefined || JSON.stringify(othersIn(was)) === JSON.stringify(othersIn(now));
}

function othersIn({ decoded }: Verdict): unknown {
  return decoded?.Providers?.filter(({ Name }) => Name !== PLUGIN_NAME) ?? [];
}

function someAuth(index: number) {
  const random = createRandom(SEED, index);
  const character = () =>
    random.pick(["a", "Z", "0", ".", "=", '"', "\\", "/", "<", "&", "\u007f", "é", "\u2028", "😀", "\n"]);
  const text = () => Array.from({ length: 1 + random.below(40) }, character).join("");
  return { "iad.ocir.io": { username: text(), password: text() }, "*.ocir.io": { username: "", password: "" } };
}

/** Go omits an empty string. */
function withoutEmpty(credentials: object): object {
  return Object.fromEntries(Object.entries(credentials).filter(([, text]) => text !== ""));
}
