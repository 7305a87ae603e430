import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { runCommand } from "../../test/command-run.ts";

const during = vi.hoisted(() => ({ sockets: { credentials: "", health: "" }, start() {} }));

/** The real daemon, on a test's sockets; only the moment between its start and the end of `serve`'s is made long enough for a test. */
vi.mock("@ocir-broker/daemon/daemon", async (importOriginal) => {
  const actual = await importOriginal<typeof import("@ocir-broker/daemon/daemon")>();
  return {
    ...actual,
    async startDaemon(options: Parameters<typeof actual.startDaemon>[0]) {
      const metrics = { textfile: `${during.sockets.health}.prom` };
      const daemon = await actual.startDaemon({
        ...options,
        config: { ...options.config, sockets: during.sockets, metrics },
      });
      onTestFinished(() => daemon.close());
      during.start();
      return daemon;
    },
  };
});

const SIGNALS = ["SIGHUP", "SIGTERM", "SIGINT", "uncaughtException", "unhandledRejection"] as const;

let path: string;

beforeEach(() => {
  const before = new Map(SIGNALS.map((name) => [name, process.rawListeners(name)]));
  onTestFinished(() => {
    for (const name of SIGNALS)
      for (const listener of process.rawListeners(name))
        if (!before.get(name)?.includes(listener)) process.off(name, listener as () => void);
  });
  const folder = temporaryFolder();
  path = join(folder, "config.yaml");
  during.sockets = { credentials: join(folder, "credentials.sock"), health: join(folder, "health.sock") };
});

const VALID = { log: { level: "error" }, identity: { provider: "none" } };

/** At once, as an administrator's editor does. */
function write(section: object): void {
  writeFileSync(`${path}.new`, JSON.stringify({ ...VALID, sockets: during.sockets, ...section }));
  renameSync(`${path}.new`, path);
}

test("ocir-broker serve applies the configuration of a SIGHUP that arrives while it starts", async () => {
  write({});
  during.start = () => {
    write({ request: { deadline: "10s" } });
    process.emit("SIGHUP");
  };
  await runCommand("serve", "--config", path);
  const { stdout } = await runCommand("status", "--config", path);
  expect(stdout).toMatch(/restart.*request\.deadline/);
});

test("ocir-broker serve without a valid configuration says so, and ends at the reload that finds one", async () => {
  write({ identity: { provider: "nobody" } });
  during.start = () => undefined;
  await runCommand("serve", "--config", path);
  write({});
  const { stdout } = await runCommand("status", "--config", path);
  expect(stdout).toMatch(/config-invalid, no configuration is in force, so every pull fails\n.*identity\.provider/);
  process.emit("SIGHUP");
  await until("the daemon has stopped", () => !existsSync(during.sockets.credentials));
});
