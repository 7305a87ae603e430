import { codeOf } from "@ocir-broker/errors/describe-error";
import { Secret } from "@ocir-broker/foundation/secret";
import { UpstreamError } from "@ocir-broker/foundation/upstream";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { jwtOf, podClaims } from "@ocir-broker/testkit/jwt";
import { describe, expect, it, vi } from "vitest";
import { passwordIn, requestFor } from "../../test/kubelet-request.ts";
import { ERROR_TABLE, type ErrorCode } from "../error-catalogue.ts";
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
  const decide = createKubeletCredentials({
    clock,
    deadlineMs: 15_000,
    registries: { isAllowed, endpointOf: () => new URL("https://x") },
    pullTokens: { get: (host, _serviceAccount, options) => parts.get(host, options) },
    access: { ask: parts.ask, heal: parts.heal },
  });
  const passwordOf = async (image: string) => passwordIn(await decide(requestFor(image)), HOST);
  return { clock, parts, decide, passwordOf };
}

describe("createKubeletCredentials", () => {
  it.each(["docker.io/library/alpine", "iad.ocir.io.example/ns/app", "iad.ocir.io:444/ns/app", "[::1]:5000/ns/app"])(
    "returns no credentials for %s, and looks for no token",
    async (image) => {
      const { decide, parts } = setUp();
      const { body, outcome } = await decide(requestFor(image));
      expect(JSON.parse(String(body))).toMatchObject({ auth: {} });
      expect(outcome).toBe("foreign");
      expect(parts.get).not.toHaveBeenCalled();
    },
  );

  it("does not probe with the node's token for a service account", async () => {
    const { passwordOf, parts } = setUp();
    parts.get.mockResolvedValue({ ...tokenOf("first"), identity: "service-account" });
    expect(await passwordOf(`${HOST}/ns/app`)).toBe("first");
    expect(parts.ask).not.toHaveBeenCalled();
  });

  it("serves the healed token, or the current one if healing fails", async () => {
    const { decide, parts } = setUp();
    parts.ask.mockReturnValue("denied");
    parts.heal.mockResolvedValue("denied");
    const current = await decide(requestFor(`${HOST}/ns/app`));
    expect([passwordIn(current, HOST), current.outcome]).toEqual(["first", "denied"]);
    parts.heal.mockImplementation(async () => {
      parts.get.mockResolvedValue(tokenOf("second"));
      return "working";
    });
    const healed = await decide(requestFor(`${HOST}/ns/app`));
    expect([passwordIn(healed, HOST), healed.outcome]).toEqual(["second", "hit"]);
  });

  it("serves no token that expired during healing", async () => {
    const { decide, parts } = setUp();
    parts.ask.mockReturnValue("denied");
    parts.heal.mockImplementation(async () => {
      parts.get.mockRejectedValue(new UpstreamError("refused", HOST));
      return "denied";
    });
    const failed = await decide(requestFor(`${HOST}/ns/app`));
    expect(failed).toMatchObject({ outcome: "error", error: { code: "refused" } });
  });

  it("limits healing to 5 s and to the time left before the deadline", async () => {
    const { decide, parts, clock } = setUp();
    parts.ask.mockReturnValue("denied");
    await decide(requestFor(`${HOST}/ns/app`));
    expect(parts.heal).toHaveBeenLastCalledWith(HOST, "ns/app", 5_000);
    parts.get.mockImplementation(async (_host, options) => {
      await clock.advance(options.deadlineAtMs - 2_000 - clock.monotonicMs());
      return tokenOf("first");
    });
    await decide(requestFor(`${HOST}/ns/app`));
    expect(parts.heal).toHaveBeenLastCalledWith(HOST, "ns/app", 2_000);
  });

  it("never rejects, and names the image", async () => {
    const { decide, parts } = setUp();
    parts.get.mockRejectedValue(new Error("secret text"));
    const failed = await decide(requestFor(`${HOST}/ns/app`));
    expect(failed).toMatchObject({ outcome: "error", image: { registryHost: HOST, repository: "ns/app" } });
    expect(await decide(Buffer.from("{"))).toMatchObject({ outcome: "error", image: undefined });
  });

  describe("for a service account", () => {
    const POD = { serviceAccountToken: jwtOf(podClaims(0), "signature") };
    const failing = (code: ErrorCode) => Object.assign(new Error(), { code });
    /** Those with a request to show it, and those of other requests. */
    const NEVER_ANSWERED: Partial<Record<ErrorCode, Buffer | "another request's">> = {
      "api-version-unsupported": requestFor(`${HOST}/ns/app`, { ...POD, apiVersion: "v9" }),
      "image-invalid": requestFor(`${HOST}/Acme`, POD),
      "request-invalid": requestFor(`${HOST}/ns/app`, { ...POD, serviceAccountAnnotations: [] }),
      "request-not-json": Buffer.from("{"),
      "service-account-token-invalid": requestFor(`${HOST}/ns/app`, { serviceAccountToken: "token" }),
      "request-too-large": "another request's",
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

    it("returns an error for an address in brackets, which can be no key of a response", async () => {
      const { decide } = setUp(() => Promise.reject(failing("config-invalid")));
      const error = { code: "config-invalid" };
      expect(await decide(requestFor("[::1]:5000/ns/app", POD))).toMatchObject({ outcome: "error", error });
    });

    it.each(answered)(
      "answers %s with the anonymous entry of the image's host, and names the account",
      async (code) => {
        const { decide, parts } = setUp();
        parts.get.mockRejectedValue(failing(code));
        const { outcome, account, error, body } = await decide(requestFor("IAD.ocir.io/ns/app", POD));
        expect([outcome, account, codeOf(error)]).toEqual(["anonymous", "shop/puller", code]);
        const { cacheDuration, auth } = JSON.parse(String(body));
        expect([cacheDuration, auth]).toEqual(["0s", { "IAD.ocir.io": { username: "", password: "" } }]);
      },
    );

    it.each(undecodable)("returns the error %s", async (code, request) => {
      const { decide } = setUp((host) => host !== "");
      const { outcome, error } = await decide(request as Buffer);
      expect([outcome, codeOf(error)]).toEqual(["error", code]);
    });

    it("also if the home region, which decides about the host, is not available", async () => {
      const { decide } = setUp(() => Promise.reject(failing("metadata-unreachable")));
      expect(await decide(requestFor(`${HOST}/ns/app`, POD))).toMatchObject({ outcome: "anonymous" });
    });
  });

  it("treats port 443 as the same registry, under a key spelled like the image", async () => {
    const { decide, parts, clock } = setUp();
    const { auth } = JSON.parse(String((await decide(requestFor("IAD.ocir.io:443/ns/app"))).body));
    const deadlineAtMs = clock.monotonicMs() + 15_000;
    expect(Object.keys(auth)).toEqual(["IAD.ocir.io:443", "*.ocir.io:443"]);
    expect(parts.get).toHaveBeenCalledExactlyOnceWith(HOST, { deadlineAtMs });
  });
});
