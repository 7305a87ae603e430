import { ERROR_TABLE, type ErrorCode } from "@ocir-broker/errors/catalogue";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { Secret } from "@ocir-broker/foundation/secret";
import { UpstreamError } from "@ocir-broker/foundation/upstream";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { jwtOf, podClaims } from "@ocir-broker/testkit/jwt";
import { describe, expect, it, vi } from "vitest";
import { passwordIn, requestFor } from "../../test/kubelet-request.ts";
import type { PullToken } from "../service-accounts/pull-tokens.ts";
import type { Registries } from "../tokens/registries.ts";
import { createKubeletCredentials } from "./kubelet-credentials.ts";

const HOST = "iad.ocir.io";

const tokenOf = (token: string) => {
  const entry = { value: new Secret(token), obtainedAtMs: 0, expiresAtMs: 1 };
  return { entry, outcome: "hit" as const, identity: "node" as PullToken["identity"] };
};

function setUp(isAllowed: Registries["isAllowed"] = (host) => host === HOST) {
  const clock = createFakeClock();
  const parts = {
    get: vi.fn(async (_host: string, _options: { deadlineAtMs: number }) => tokenOf("first")),
    ask: vi.fn((): "working" | "denied" | "unknown" => "unknown"),
    heal: vi.fn(async (): Promise<"working" | "denied" | "unknown"> => "working"),
  };
  const answer = createKubeletCredentials({
    clock,
    deadlineMs: 15_000,
    registries: { isAllowed, isExpected: () => true, endpointOf: () => new URL("https://x") },
    pullTokens: { get: (host, _serviceAccount, options) => parts.get(host, options) },
    access: { ask: parts.ask, heal: parts.heal },
  });
  const passwordOf = async (image: string) => passwordIn(await answer(requestFor(image)), HOST);
  return { clock, parts, answer, passwordOf };
}

describe("createKubeletCredentials", () => {
  it.each(["docker.io/library/alpine", "iad.ocir.io.example/ns/app", "iad.ocir.io:444/ns/app", "[::1]:5000/ns/app"])(
    "returns no credentials for %s, and looks for no token",
    async (image) => {
      const { answer, parts } = setUp();
      const { body, outcome } = await answer(requestFor(image));
      expect(JSON.parse(body.toString())).toMatchObject({ auth: {} });
      expect(outcome).toBe("foreign");
      expect(parts.get).not.toHaveBeenCalled();
    },
  );

  it.each([
    ["an image that every token can read", "oracle/oke-public-pause", "node"],
    ["with the node's token for a service account", "ns/app", "service-account"],
  ] as const)("does not probe %s", async (_what, repository, identity) => {
    const { passwordOf, parts } = setUp();
    parts.get.mockResolvedValue({ ...tokenOf("first"), identity });
    expect(await passwordOf(`${HOST}/${repository}`)).toBe("first");
    expect(parts.ask).not.toHaveBeenCalled();
  });

  it("serves the healed token, or the current one if healing fails", async () => {
    const { answer, parts } = setUp();
    parts.ask.mockReturnValue("denied");
    parts.heal.mockResolvedValue("denied");
    const current = await answer(requestFor(`${HOST}/ns/app`));
    expect([passwordIn(current, HOST), current.outcome]).toEqual(["first", "denied"]);
    parts.heal.mockImplementation(async () => {
      parts.get.mockResolvedValue(tokenOf("second"));
      return "working";
    });
    const healed = await answer(requestFor(`${HOST}/ns/app`));
    expect([passwordIn(healed, HOST), healed.outcome]).toEqual(["second", "hit"]);
  });

  it("serves no token that expired during healing", async () => {
    const { answer, parts } = setUp();
    parts.ask.mockReturnValue("denied");
    parts.heal.mockImplementation(async () => {
      parts.get.mockRejectedValue(new UpstreamError("refused", HOST));
      return "denied";
    });
    const failed = await answer(requestFor(`${HOST}/ns/app`));
    expect(failed.body.toString()).toMatch(/^ocir-broker: refused: /);
  });

  it("limits healing to 5 s and to the time left before the deadline", async () => {
    const { answer, parts, clock } = setUp();
    parts.ask.mockReturnValue("denied");
    await answer(requestFor(`${HOST}/ns/app`));
    expect(parts.heal).toHaveBeenLastCalledWith(HOST, "ns/app", 5_000);
    parts.get.mockImplementation(async (_host, options) => {
      await clock.advance(options.deadlineAtMs - 2_000 - clock.monotonicMs());
      return tokenOf("first");
    });
    await answer(requestFor(`${HOST}/ns/app`));
    expect(parts.heal).toHaveBeenLastCalledWith(HOST, "ns/app", 2_000);
  });

  it("returns a response for every error, and names the image", async () => {
    const { answer, parts } = setUp();
    parts.get.mockRejectedValue(new Error("secret text"));
    const failed = await answer(requestFor(`${HOST}/ns/app`));
    expect(failed).toMatchObject({
      status: 500,
      outcome: "error",
      image: { registryHost: HOST, repository: "ns/app" },
    });
    expect(failed.body.toString()).toMatch(/^ocir-broker: internal: /);
    expect((await answer(Buffer.from("{"))).image).toBeUndefined();
  });

  describe("for a service account", () => {
    const POD = { serviceAccountToken: jwtOf(podClaims(0), "signature") };
    const failing = (code: ErrorCode) => Object.assign(new Error(), { code });
    /** Those with a request to show it, and those of other requests. */
    const NEVER_ANSWERED: Partial<Record<ErrorCode, Buffer | "another request's">> = {
      "api-version-unsupported": requestFor(`${HOST}/ns/app`, { ...POD, apiVersion: "v9" }),
      "image-invalid": requestFor(`${HOST}/Acme`, POD),
      "registry-host-invalid": requestFor("[::1]:5000/ns/app", POD),
      "request-invalid": requestFor(`${HOST}/ns/app`, { ...POD, serviceAccountAnnotations: [] }),
      "request-not-json": Buffer.from("{"),
      "request-too-large": requestFor("a".repeat(300 * 1_024), POD),
      "service-account-token-invalid": requestFor(`${HOST}/ns/app`, { serviceAccountToken: "token" }),
      "body-too-large": "another request's",
      "headers-too-large": "another request's",
      "method-not-allowed": "another request's",
      "not-found": "another request's",
      "request-incomplete": "another request's",
      "request-malformed": "another request's",
      "server-url-invalid": "another request's",
    };
    const answered = (Object.keys(ERROR_TABLE) as ErrorCode[]).filter((code) => !(code in NEVER_ANSWERED));
    const undecodable = Object.entries(NEVER_ANSWERED).filter(([, request]) => typeof request !== "string");

    it.each(answered)(
      "answers %s with the anonymous entry of the image's host, and names the account",
      async (code) => {
        const { answer, parts } = setUp();
        parts.get.mockRejectedValue(failing(code));
        const { status, outcome, account, failure, body } = await answer(requestFor("IAD.ocir.io/ns/app", POD));
        expect([status, outcome, account, codeOf(failure)]).toEqual([200, "anonymous", "shop/puller", code]);
        const { cacheDuration, auth } = JSON.parse(body.toString());
        expect([cacheDuration, auth]).toEqual(["0s", { "IAD.ocir.io": { username: "", password: "" } }]);
      },
    );

    it.each(undecodable)("returns the error %s", async (code, request) => {
      const { answer } = setUp((host) => host !== "");
      const { status, outcome, error } = await answer(request as Buffer);
      expect([Math.floor(status / 100), outcome, codeOf(error)]).toEqual([4, "error", code]);
    });

    it("also if the home region, which decides about the host, is not available", async () => {
      const { answer } = setUp(() => Promise.reject(failing("metadata-unreachable")));
      expect(await answer(requestFor(`${HOST}/ns/app`, POD))).toMatchObject({ outcome: "anonymous" });
    });
  });

  it("treats port 443 as the same registry, under a key spelled like the image", async () => {
    const { answer, parts, clock } = setUp();
    const { auth } = JSON.parse((await answer(requestFor("IAD.ocir.io:443/ns/app"))).body.toString());
    const deadlineAtMs = clock.monotonicMs() + 15_000;
    expect(Object.keys(auth)).toEqual(["IAD.ocir.io:443", "*.ocir.io:443"]);
    expect(parts.get).toHaveBeenCalledExactlyOnceWith(HOST, { deadlineAtMs });
  });
});
