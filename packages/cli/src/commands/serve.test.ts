import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, onTestFinished, test, vi } from "vitest";
import { runCommand } from "../../test/command-run.ts";

const during = vi.hoisted(() => ({ start: (_options: { isIdentityLost: boolean }) => {} }));

/** The real daemon; only the moment between its start and the end of `serve`'s is made long enough for a test. */
vi.mock("@ocir-broker/daemon/daemon", async (importOriginal) => {
  const actual = await importOriginal<typeof import("@ocir-broker/daemon/daemon")>();
  return {
    ...actual,
    async startDaemon(options: Parameters<typeof actual.startDaemon>[0]) {
      const daemon = await actual.startDaemon(options);
      onTestFinished(() => daemon.close());
      during.start(options);
      return daemon;
    },
  };
});

const SIGNALS = ["SIGHUP", "SIGTERM", "SIGINT", "uncaughtException", "unhandledRejection"] as const;

test("ocir-broker serve tells the daemon of a lost identity, and applies the configuration of a SIGHUP that arrives while it starts", async () => {
  const before = new Map(SIGNALS.map((name) => [name, process.rawListeners(name)]));
  onTestFinished(() => {
    for (const name of SIGNALS)
      for (const listener of process.rawListeners(name))
        if (!before.get(name)?.includes(listener)) process.off(name, listener as () => void);
  });
  const folder = temporaryFolder();
  const path = join(folder, "config.yaml");
  const common = {
    log: { level: "error" },
    identity: { provider: "none" },
    sockets: { credentials: join(folder, "credentials.sock"), health: join(folder, "health.sock") },
    metrics: { textfile: join(folder, "metrics.prom") },
  };
  const write = (to: string, section: object) => writeFileSync(to, JSON.stringify({ ...common, ...section }));
  write(path, { identity: { provider: "nobody" } });
  let isLost: boolean | undefined;
  during.start = ({ isIdentityLost }) => {
    isLost = isIdentityLost;
    write(`${path}.new`, { request: { deadline: "10s" } });
    renameSync(`${path}.new`, path);
    process.emit("SIGHUP");
  };
  await runCommand("serve", "--config", path);
  expect(isLost).toBe(true);
  const { stdout } = await runCommand("status", "--config", path);
  expect(stdout).toMatch(/restart.*request\.deadline/);
});
