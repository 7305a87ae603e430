import { readFileSync, writeFileSync } from "node:fs";
import { serveOnSocket } from "@ocir-broker/node/test/socket-server";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { describe, expect, it } from "vitest";
import { BROKER } from "../daemon.ts";
import { lackOfMounts, startSilentNameserver } from "./silent-nameserver.ts";
import { REGISTRY_HOSTS, responseOf, setStageWithoutDaemon } from "./stage.ts";

const [HOST] = REGISTRY_HOSTS as [string];
const IMAGE = `${HOST}/acme/app:1.2`;

describe("ocir-broker get", () => {
  it("passes on a daemon's error, and does not ask Oracle's services itself", async () => {
    const stage = await setStageWithoutDaemon();
    const line = "ocir-broker: registry-throttled: a; b\n";
    await serveOnSocket((_request, response) => response.writeHead(503).end(line), stage.config.credentialsSocket);
    const result = await stage.get([IMAGE]);
    expect(result).toMatchObject({ exitCode: 1, stdout: "", stderr: line });
    expect(stage.simulator.requests()["registry.token"] ?? 0).toBe(0);
  });

  it.each([
    ["an error", 500, "\x1b]0;owned\x07 \u202e"],
    ["no JSON", 200, "\x1b]0;owned\x07 \u202e"],
    ["credentials", 200, JSON.stringify({ auth: { [HOST]: { password: "\x1b]0;owned\x07\x9b \u202e" } } })],
  ])("prints no control character of a daemon's response: %s", async (_what, status, body) => {
    const stage = await setStageWithoutDaemon();
    await serveOnSocket((_request, response) => response.writeHead(status).end(body), stage.config.credentialsSocket);
    for (const args of [[IMAGE], ["--output", "password", IMAGE]]) {
      const { stdout, stderr } = await stage.get(args);
      expect(stdout + stderr).toMatch(/^[^\p{Cc}\p{Cf}]+\n$/u);
    }
  });

  it("asks Oracle's services itself when the daemon's response is larger than 64 KiB", async () => {
    const stage = await setStageWithoutDaemon();
    const body = "x".repeat(64 * 1024 + 1);
    await serveOnSocket((_request, response) => response.end(body), stage.config.credentialsSocket);
    const result = await stage.get([IMAGE]);
    expect(responseOf(result).auth[HOST]?.password).toMatch(/^ey/);
    expect(result.stderr).toBe("");
  });

  it("reads a request from stdin, and responds in its version", async () => {
    const stage = await setStageWithoutDaemon();
    const apiVersion = "credentialprovider.kubelet.k8s.io/v1beta1";
    const request = { kind: "CredentialProviderRequest", apiVersion, image: `${HOST}/acme/app` };
    const result = await stage.get([], `${JSON.stringify(request)}\n`);
    expect([responseOf(result).apiVersion, result.stderr]).toEqual([apiVersion, ""]);
  });

  it("keeps waiting between two attempts when only a timer is pending", async () => {
    const stage = await setStageWithoutDaemon();
    stage.simulator.faults({ endpoint: "registry.token", status: 429, retryAfter: 1, times: 1 });
    const result = await stage.get([IMAGE]);
    expect(responseOf(result).auth[HOST]?.password).toMatch(/^ey/);
    expect(stage.simulator.requests()["registry.token"]).toBe(2);
  });

  it.skipIf(lackOfMounts !== "")(`exits with one line when a name lookup hangs${lackOfMounts}`, async () => {
    const stage = await setStageWithoutDaemon({ deadline: "2s" });
    const config = JSON.parse(readFileSync(stage.config.path, "utf8"));
    writeFileSync(stage.config.path, JSON.stringify({ ...config, auth: { endpoint: "https://auth.test" } }));
    const nameserver = await startSilentNameserver();
    const result = await stage.get([IMAGE], "", nameserver.around(BROKER));
    expect(await nameserver.asked).toBeDefined();
    expect(result).toMatchObject({
      ...{ exitCode: 1, signal: null },
      stderr: expect.stringMatching(/^ocir-broker: [a-z-]+: [ -~]+; [ -~]+\n$/),
    });
  });

  it.each<[what: string, args: string[], stdin: string, exitCode: number, code: string]>([
    ["another's registry", ["--output", "password", "registry.k8s.io/pause"], "", 1, "registry-foreign"],
    ["a file that is not there", ["--config", "/nowhere.yaml", IMAGE], "", 1, "config-unreadable"],
    ["a request on stdin that is too large", [], "x".repeat(256 * 1024 + 1), 1, "request-too-large"],
    [
      "a person who forgot the image",
      [],
      "",
      2,
      "usage-invalid: no image was given, and standard input contains no request",
    ],
  ])("exits with one line for %s", async (_what, args, stdin, exitCode, code) => {
    const stage = await setStageWithoutDaemon();
    const result = await stage.get(args, stdin);
    expect(result).toMatchObject({ exitCode, stdout: "" });
    expect(result.stderr).toMatch(new RegExp(`^ocir-broker: ${code}[:;] [ -~]+\n$`));
  });

  it("exits with 1 and one line when its output cannot be written", async () => {
    const stage = await setStageWithoutDaemon();
    const { exitCode, stderr } = await callCredentialProvider({
      path: "/bin/sh",
      args: ["-c", `exec ${BROKER} get --config ${stage.config.path} ${IMAGE} >/dev/full`],
      env: { OCI_CLI_AUTH: "instance_principal" },
      stdin: "",
    });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^ocir-broker: [a-z-]+: [ -~]+; [ -~]+\n$/);
  });
});
