import { Secret } from "@ocir-broker/foundation/secret";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, it, vi } from "vitest";
import { createDockerCredentials, type DockerCredentialsOptions } from "./docker-credentials.ts";

const HOST = "iad.ocir.io";

const ACCOUNTS_OFF = { tokenExchange: "none", rootHelper: "refuse" } as const;
const ACCOUNTS_ON = { ...ACCOUNTS_OFF, tokenExchange: "oke" } as const;

function setUp(settings: DockerCredentialsOptions["settings"] = ACCOUNTS_OFF, hasFailedClosed = false) {
  const clock = createFakeClock();
  const entry = { value: new Secret("token"), obtainedAtMs: 0, expiresAtMs: 1 };
  const get = vi.fn(async (_host: string, _options: { waitMs: number }) => ({ entry, outcome: "stale" as const }));
  const isAllowed = vi.fn((host: string, _waitMs: number): boolean | Promise<boolean> => host === HOST);
  const answer = createDockerCredentials({
    clock,
    deadlineMs: 15_000,
    registries: { isAllowed, endpointOf: () => new URL("https://x") },
    tokens: { get },
    settings,
    hasFailedClosed: () => hasFailedClosed,
  });
  return { clock, get, isAllowed, ask: (text: string) => answer(Buffer.from(text)) };
}

describe("createDockerCredentials", () => {
  it.each(["https://IAD.ocir.io/v1/", `${HOST}:443`])("returns the token of %s under this name", async (ServerURL) => {
    const { ask, get } = setUp();
    const { body, ...rest } = await ask(`${ServerURL}\n`);
    expect(rest).toEqual({ outcome: "stale", identity: "node", image: { registryHost: HOST } });
    expect(JSON.parse(String(body))).toEqual({ ServerURL, Username: "BEARER_TOKEN", Secret: "token" });
    expect(get).toHaveBeenCalledExactlyOnceWith(HOST, { waitMs: 15_000 });
  });

  it("finds no credentials for a foreign registry, which is no error", async () => {
    const { ask, get } = setUp();
    const image = { registryHost: "index.docker.io" };
    expect(await ask("https://index.docker.io/v1/")).toEqual({ outcome: "foreign", image });
    expect(get).not.toHaveBeenCalled();
  });

  it.each([
    ["refused", "service accounts are on", ACCOUNTS_ON, false],
    ["refused", "a pull has failed closed without a token exchange", ACCOUNTS_OFF, true],
    ["stale", "the configuration lets root have it", { ...ACCOUNTS_ON, rootHelper: "node" } as const, true],
    ["stale", "service accounts are off", ACCOUNTS_OFF, false],
  ])("is %s if %s", async (outcome, _when, settings, hasFailedClosed) => {
    const { ask, get } = setUp(settings, hasFailedClosed);
    const response = await ask(HOST);
    expect(response.outcome).toBe(outcome);
    const isRefused = outcome === "refused";
    expect(get).toHaveBeenCalledTimes(isRefused ? 0 : 1);
    if (!isRefused) return;
    expect(response).toMatchObject({ image: { registryHost: HOST }, error: { code: "root-helper-refused" } });
    expect(response.body).toBeUndefined();
  });

  it("waits no longer than the deadline in total", async () => {
    const { ask, clock, get, isAllowed } = setUp();
    isAllowed.mockImplementation(async () => {
      await clock.advance(16_000);
      return true;
    });
    await ask(HOST);
    expect(get).toHaveBeenCalledExactlyOnceWith(HOST, { waitMs: 0 });
  });

  it("never rejects", async () => {
    const { ask, get } = setUp();
    get.mockRejectedValue(new Error("secret text"));
    const failed = await ask(HOST);
    expect(failed).toMatchObject({
      outcome: "error",
      image: { registryHost: HOST },
      error: { message: "secret text" },
    });
    expect(await ask("\n")).toMatchObject({
      outcome: "error",
      image: undefined,
      error: { code: "server-url-invalid" },
    });
  });
});
