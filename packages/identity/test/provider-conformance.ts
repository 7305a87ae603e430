/**
 * Tests that every identity provider passes: session, region, handover, refuse, give up, and no secret in an error. Each provider's own
 * test calls this with its set-up, and names the features that it lacks.
 */
import { inspect } from "node:util";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { describe, expect, it } from "vitest";
import { IDENTITY_ERRORS, type IdentityErrorCode } from "../src/error-codes.ts";
import { IdentityError } from "../src/identity-error.ts";
import type { IdentityProvider } from "../src/identity-provider.ts";

export interface Started {
  readonly provider: IdentityProvider;
  readonly clock: Clock;
  /** Numbers of requests so far, by service, and the reasons for refused ones. */
  readonly requests: () => readonly (number | string)[];
  /** Texts that no error may contain. */
  readonly secrets: () => readonly string[];
}

/** How `start` with these options fails, and members of the error. */
type Failure<Options> = readonly [
  what: string,
  code: IdentityErrorCode,
  options: Options,
  /** Default of `requests`: none. */
  more?: Readonly<Record<string, unknown>> & { readonly requests?: readonly (number | string)[] },
];

export interface Conformance<Options> {
  /** Without options, with a credential that is in order. */
  readonly start: (options?: Options) => Started | Promise<Started>;
  /** Values or matchers. */
  readonly session: {
    readonly parts: Readonly<Record<"keyId" | "privateKeyPem" | "lifeMs", unknown>>;
    readonly regionKey: string;
  };
  readonly keepsState?: true;
  readonly refusedAs: IdentityErrorCode | undefined;
  /** Failures that are not retryable. */
  readonly refused: readonly Failure<Options>[];
  /** Failures that are retryable. */
  readonly failing: readonly Failure<Options>[];
  /** The waits that must end when the caller gives up; `giveUp` aborts the caller's signal. */
  readonly waits: readonly (readonly [
    what: string,
    code: IdentityErrorCode,
    options: (giveUp: () => void) => Options,
  ])[];
}

const forever = new AbortController().signal;

export function describeProvider<Options>(name: string, conformance: Conformance<Options>): void {
  const { start, session, keepsState, refusedAs, refused, failing, waits } = conformance;

  describe(`${name} as an identity provider`, () => {
    it("returns a complete session", async () => {
      const { provider, clock } = await start();
      const beforeMs = clock.monotonicMs();
      const { value, obtainedAtMs, expiresAtMs } = await provider.session(forever);
      expect({
        keyId: value.keyId.reveal(),
        privateKeyPem: value.privateKey.export({ type: "pkcs8", format: "pem" }),
        lifeMs: expiresAtMs - obtainedAtMs,
      }).toEqual(session.parts);
      expect(obtainedAtMs).toBeGreaterThanOrEqual(beforeMs);
      expect(obtainedAtMs).toBeLessThanOrEqual(clock.monotonicMs());
      expect(await provider.region(forever)).toMatchObject({ key: session.regionKey });
    });

    if (!keepsState) {
      it("keeps no state for the next process", async () => {
        expect((await start()).provider.handover).toBeUndefined();
      });
    } else {
      it("decodes the session of an earlier process", async () => {
        const { provider, secrets } = await start();
        const { value } = await provider.session(forever);
        const { handover = expect.unreachable() } = provider;
        const decoded = handover.decodeSession(JSON.parse(JSON.stringify(handover.encodeSession(value))));
        expect(decoded?.keyId.reveal()).toBe(value.keyId.reveal());
        expect(decoded?.privateKey.equals(value.privateKey)).toBe(true);
        expect(secretsIn(inspect(decoded, { depth: 9 }), secrets())).toEqual([]);
      });
    }

    it("reports a permanent error if a registry refuses a new session", async () => {
      expect((await start()).provider.refusedAs).toBe(refusedAs);
      if (refusedAs !== undefined) expect(IDENTITY_ERRORS[refusedAs].kind).toBe("permanent");
    });

    for (const [what, code, options, more] of refused)
      it(`refuses ${what} without a retry: ${code}`, async () => {
        await expectFailure(await start(options), { code, retryable: false, ...more });
      });

    for (const [what, code, options, more] of failing)
      it(`reports ${what}: ${code}`, async () => {
        await expectFailure(await start(options), { code, retryable: true, ...more });
      });

    it.each(waits)("gives up on %s: %s", async (_what, code, hanging) => {
      const caller = new AbortController();
      const { provider } = await start(hanging(() => caller.abort()));
      await expect(provider.session(caller.signal)).rejects.toMatchObject({ code });
    });
  });
}

/** The code is closed, and the error contains no secret. */
async function expectFailure(
  { provider, requests, secrets }: Started,
  { requests: expectedRequests = requests(), ...expected }: NonNullable<Failure<unknown>[3]>,
): Promise<void> {
  const error = await provider.session(forever).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(IdentityError);
  expect(error).toMatchObject(expected);
  expect(IDENTITY_ERRORS).toHaveProperty([String(expected["code"])]);
  expect(requests()).toEqual(expectedRequests);
  expect(secretsIn(everythingOf(error), secrets())).toEqual([]);
}

function secretsIn(text: string, secrets: readonly string[]): string[] {
  return secrets.filter((secret) => text.includes(secret));
}

function everythingOf(error: unknown): string {
  const chain: unknown[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    chain.push(at.message, at.stack, JSON.stringify(at));
  return `${chain.join("\n")}\n${inspect(error, { depth: 20, showHidden: true, maxStringLength: null })}`;
}
