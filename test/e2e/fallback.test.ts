import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CredentialProviderResult } from "@ocir-broker/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { BRIEF_SHIM, BROKER, SHIM } from "../daemon.ts";
import { cannotHideNames, startSilentNameserver } from "./silent-nameserver.ts";
import { answerOf, REGISTRY_HOSTS, type StageWithoutDaemon, setStageWithoutDaemon } from "./stage.ts";

const [HOST] = REGISTRY_HOSTS as [string];
const ONE_LINE = /^ocir-broker: [a-z-]+: [ -~]+; [ -~]+\n$/;

function hasToken(result: CredentialProviderResult, registryHost = HOST): boolean {
  return /^ey/.test(answerOf(result).auth[registryHost]?.password ?? "");
}

const AS_USER = ["--reuid", "990", "--regid", "989", "--clear-groups"];

async function started(stage: StageWithoutDaemon, count: number): Promise<number> {
  while (stage.starts().length < count) await sleep(2);
  return stage.starts()[count - 1] as number;
}

/** A program that runs the shim on a node with the fallback broker's user. */
function asFallbackUser(shim: string): string {
  const directory = mkdtempSync(join(tmpdir(), "fallback-user-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const passwd = join(directory, "passwd");
  writeFileSync(passwd, "root:x:0:0::/:/bin/sh\nocir-broker-fallback:x:990:989::/:/usr/sbin/nologin\n");
  const path = join(directory, "shim");
  const script = `#!/bin/sh\nexec unshare --mount sh -c 'mount --bind ${passwd} /etc/passwd && exec ${shim}'\n`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

describe("a pull without a daemon", () => {
  it("of 50 images at once costs one process, one session and one token, and all are answered", async () => {
    const stage = await setStageWithoutDaemon({ simulator: { latencyMs: 100 } });
    const calls = Array.from({ length: 50 }, (_, index) => stage.call(`${HOST}/acme/app-${index}`));
    const results = await Promise.all(calls);
    expect(results.filter((result) => result.stderr === "" && hasToken(result))).toHaveLength(50);
    expect(stage.starts()).toHaveLength(1);
    expect(stage.simulator.requests()).toMatchObject({
      "auth.x509": 1,
      "registry.token": 1,
      "registry.manifest": 0,
    });
  });

  it("asks each registry host once", async () => {
    const stage = await setStageWithoutDaemon();
    const hosts = Array.from({ length: 30 }, (_, index) => REGISTRY_HOSTS[index % 3] as string);
    const results = await Promise.all(hosts.map((host) => stage.call(`${host}/acme/app`)));
    expect(results.every((result, index) => hasToken(result, hosts[index]))).toBe(true);
    expect(stage.starts()).toHaveLength(1);
    expect(stage.simulator.requests()).toMatchObject({ "auth.x509": 1, "registry.token": 3 });
  });

  it("does not keep a lone call waiting for others", async () => {
    const stage = await setStageWithoutDaemon();
    await stage.call(`${HOST}/acme/app`);
    const { starts } = stage;
    expect(hasToken(await stage.call(`${HOST}/acme/app`))).toBe(true);
    expect(starts()).toHaveLength(2);
  });

  it("survives that the process that answers is killed while it waits for Oracle's services", async () => {
    const stage = await setStageWithoutDaemon({ simulator: { latencyMs: 150 } });
    const calls = Array.from({ length: 20 }, (_, index) => stage.call(`${HOST}/acme/app-${index}`));
    const first = await started(stage, 1);
    while (stage.simulator.requests()["auth.x509"] === 0) await sleep(2);
    process.kill(first, "SIGKILL");
    const results = await Promise.all(calls);
    expect(results.filter(({ signal }) => signal === "SIGKILL")).toHaveLength(1);
    expect(results.filter((result) => result.exitCode === 0 && hasToken(result))).toHaveLength(19);
    expect(stage.starts()).toHaveLength(2);
  });

  it("answers with what is valid of a configuration that has faults", async () => {
    const stage = await setStageWithoutDaemon();
    const text = readFileSync(stage.config.path, "utf8");
    writeFileSync(stage.config.path, text.replace('"level":"info"', '"level":"loud","surprise":1'));
    const results = await Promise.all(Array.from({ length: 10 }, () => stage.call(`${HOST}/acme/app`)));
    for (const result of results) expect(hasToken(result)).toBe(true);
    expect(stage.starts()).toHaveLength(1);
  });

  it("says in one line what Oracle's services refuse, and never succeeds with nothing", async () => {
    const stage = await setStageWithoutDaemon({ deadline: "1s" });
    stage.simulator.faults({ endpoint: "auth.x509", status: 401 });
    const results = await Promise.all(Array.from({ length: 10 }, () => stage.call(`${HOST}/acme/app`)));
    for (const { exitCode, stdout, stderr } of results) {
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(ONE_LINE);
      expect(stdout).toHaveLength(0);
    }
    expect(stage.starts()).toHaveLength(1);
  });

  it("asks the daemon, if it is there again, for what Oracle's services do not give", async () => {
    const stage = await setStageWithoutDaemon({ deadline: "3s" });
    stage.simulator.faults({ endpoint: "auth.x509", status: 503 });
    const called = stage.call(`${HOST}/acme/app`);
    while (stage.simulator.requests()["auth.x509"] === 0) await sleep(2);
    const auth = { [HOST]: { username: "BEARER_TOKEN", password: "ey.from.daemon" } };
    const daemon = createServer((_request, response) => response.end(JSON.stringify({ auth })));
    onTestFinished(() => void daemon.close());
    await new Promise<void>((resolve) => daemon.listen(stage.config.credentialsSocket, resolve));
    expect(answerOf(await called).auth).toEqual(auth);
  });

  const cannotDrop = cannotHideNames || spawnSync("/usr/bin/setpriv", [...AS_USER, "test", "-x", BROKER]).status !== 0;
  it.skipIf(cannotDrop)(
    `is answered by a process without root's rights, which asks a daemon that hung${cannotDrop ? " (skipped: not root, or a checkout for root alone)" : ""}`,
    async () => {
      execFileSync("make", ["--silent", "checks"], { cwd: join(dirname(BRIEF_SHIM), "../..") });
      const stage = await setStageWithoutDaemon({ deadline: "3s" });
      stage.simulator.faults({ endpoint: "auth.x509", status: 503 });
      const auth = { [HOST]: { username: "BEARER_TOKEN", password: "ey.from.daemon" } };
      const isAskedAgain = Promise.withResolvers<void>();
      const isShown = Promise.withResolvers<void>();
      let requests = 0;
      const daemon = createServer(async (_request, response) => {
        requests += 1;
        if (requests === 1) return;
        isAskedAgain.resolve();
        await isShown.promise;
        response.end(JSON.stringify({ auth }));
      });
      onTestFinished(() => void daemon.close().closeAllConnections());
      await new Promise<void>((resolve) => daemon.listen(stage.config.credentialsSocket, resolve));
      chmodSync(stage.config.credentialsSocket, 0o600);

      const called = stage.call(`${HOST}/acme/app`, asFallbackUser(BRIEF_SHIM));
      await Promise.race([isAskedAgain.promise, called]);
      const status = readFileSync(`/proc/${await started(stage, 1)}/status`, "utf8");
      isShown.resolve();
      expect(status).toMatch(/^Uid:\t990\t990\t990\t990\nGid:\t989\t989\t989\t989$/m);
      expect(status).toMatch(/^CapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+\nCapAmb:\t0+\nNoNewPrivs:\t1\nSeccomp:\t2$/m);
      expect(answerOf(await called).auth).toEqual(auth);
    },
  );

  it("ends by itself and in one line, where a daemon that hangs has left it the shortest turn", async () => {
    execFileSync("make", ["--silent", "checks"], { cwd: join(dirname(BRIEF_SHIM), "../..") });
    const stage = await setStageWithoutDaemon();
    stage.simulator.faults({ endpoint: "auth.x509", hang: "before-headers" });
    const daemon = createServer(() => {});
    onTestFinished(() => void daemon.close().closeAllConnections());
    await new Promise<void>((resolve) => daemon.listen(stage.config.credentialsSocket, resolve));
    const { exitCode, signal, stderr } = await stage.call(`${HOST}/acme/app`, BRIEF_SHIM);
    expect([exitCode, signal, stderr]).toEqual([1, null, expect.stringMatching(ONE_LINE)]);
  });

  const skipped = cannotHideNames ? " (skipped: not root)" : "";
  it.skipIf(cannotHideNames)(`ends with what it has, while the look-up of a name hangs${skipped}`, async () => {
    const stage = await setStageWithoutDaemon({ deadline: "6s" });
    const nameserver = await startSilentNameserver();
    const shim = nameserver.around(SHIM);
    stage.simulator.faults({ endpoint: "registry.token", status: 503 });
    const answered = stage.call(`${HOST}/acme/app`, shim);
    await started(stage, 1);
    const unanswered = stage.call("fra.ocir.io/acme/app", shim);
    await nameserver.asked;
    stage.simulator.clearFaults();
    expect(hasToken(await answered)).toBe(true);
    const { exitCode, signal, stderr } = await unanswered;
    expect([exitCode, signal, stderr]).toEqual([1, null, expect.stringMatching(ONE_LINE)]);
  });

  it("is an empty answer for a registry that is not Oracle's", async () => {
    const stage = await setStageWithoutDaemon();
    expect(answerOf(await stage.call("registry.k8s.io/pause")).auth).toEqual({});
  });
});
