/**
 * The built daemon in its own unit under a real systemd, with the simulator: its notifications, its handover after a kill, and
 * its complete removal at a stop.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { until } from "@ocir-broker/testkit/until";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { given } from "./given.ts";
import {
  bootSimulatedNode,
  brokerConfig,
  CREDENTIALS_SOCKET,
  control,
  DAEMON,
  dropIn,
  HEALTH_SOCKET,
  REGISTRY_HOST as HOST,
  killDaemon,
  SERVICE,
  withDropIn,
} from "./simulated-node.ts";
import { canBootSystemd } from "./systemd-root/systemd-root.ts";

const CONFIG_PATH = "/etc/ocir-broker/config.yaml";
const CONFIG = brokerConfig(HOST);
const REQUEST = credentialProviderRequest({ image: `${HOST}/tenancy/app:1` });
const STATE_FILE = "/run/ocir-broker-state/state";
/** The folder itself; the other path is a link, because the user is dynamic. */
const STATE_FOLDER = "/run/private/ocir-broker-state";

describeUnless(canBootSystemd(), "the daemon in its unit", () => {
  const root = given(bootSimulatedNode, ({ powerOff }) => powerOff());

  beforeEach(async () => {
    await root.run("systemctl", ["stop", SERVICE]);
    await root.run("systemctl", ["reset-failed"]);
    await control(root, "/reset");
    root.write(CONFIG_PATH, CONFIG);
  });

  const ask = (socket: string, path: string, ...args: string[]) =>
    root.run("curl", ["-sSf", "-m", "20", "--unix-socket", socket, ...args, `http://localhost${path}`]);
  const health = (path: string) => ask(HEALTH_SOCKET, path);
  const credentials = () => ask(CREDENTIALS_SOCKET, "/v1/credentials", "-d", REQUEST);
  const password = async (): Promise<string | undefined> => JSON.parse(await credentials()).auth[HOST]?.password;

  const status = () => root.property(SERVICE, "StatusText");
  const startOutage = () => control(root, "/faults", { endpoint: "*", status: 503 });

  it("serves the same token when killed three times in a total outage, from a file on tmpfs that a stop removes", async () => {
    const first = await password();
    expect(first).toMatch(/\./);
    await startOutage();
    for (let time = 1; time <= 3; time += 1) {
      await killDaemon(root);
      expect(await password()).toBe(first);
    }
    expect(await health("/readyz")).toBe("ready");
    const { region, session } = JSON.parse(await health("/status"));
    expect([region, session]).toMatchObject(["us-ashburn-1", { state: "fresh", fetches: 0 }]);
    expect(await root.run("stat", ["-f", "-c", "%T", STATE_FOLDER])).toBe("tmpfs");
    const daemon = await root.run("stat", ["-c", "%u", `/proc/${await root.property(SERVICE, "MainPID")}`]);
    expect(await root.run("stat", ["-L", "-c", "%a %u %F", STATE_FOLDER, STATE_FILE])).toBe(
      `700 ${daemon} directory\n600 ${daemon} regular file`,
    );
    expect((await root.exec("cat", [STATE_FILE], { uid: Number(daemon) })).stderr).toContain("Permission denied");
    await root.run("systemctl", ["stop", SERVICE]);
    for (const path of [STATE_FILE, STATE_FOLDER]) expect((await root.exec("ls", [path])).exitCode).not.toBe(0);
    await expect(credentials()).rejects.toThrow("curl");
    const journal = await root.journal(SERVICE);
    expect(journal.match(/state restored/g)).toHaveLength(3);
    expect(journal).not.toMatch(/eyJ|MII|BEGIN/);
    for (const part of first?.split(".") ?? []) expect(journal).not.toContain(part);
  });

  const configShown = async () => JSON.parse(await health("/status")).config;

  describe("with a configuration that only root can read", () => {
    const COPY = "/run/ocir-broker/config.yaml";
    const IN_FORCE = { path: CONFIG_PATH, inForce: "all", error: null, changed: false };

    beforeEach(async () => {
      await root.run("chmod", ["0600", CONFIG_PATH]);
    });

    afterEach(async () => {
      await root.run("rm", ["-f", CONFIG_PATH]);
      root.write(CONFIG_PATH, CONFIG);
    });

    it("applies the whole file at its first start, from a copy that only the daemon's group can read", async () => {
      expect(await password()).toMatch(/\./);
      expect(await configShown()).toMatchObject(IN_FORCE);
      expect(await root.run("stat", ["-c", "%a %U %G", COPY])).toBe("640 root ocir-broker-daemon");
      expect((await root.exec("cat", [COPY], { uid: 65_534 })).exitCode).not.toBe(0);
      expect(await root.run("stat", ["-c", "%a %U %G", CONFIG_PATH])).toBe("600 root root");
      expect(await root.run(DAEMON.to, ["config", "check"])).toContain("copies it for that user");
    });

    it("applies changes at a reload, which fails for errors, keeps the previous settings and reports them until they are repaired", async () => {
      const configure = async (text: string) => {
        root.write(CONFIG_PATH, `${CONFIG}\n${text}`);
        return (await root.exec("systemctl", ["reload", SERVICE])).exitCode;
      };
      await password();
      const pid = await root.property(SERVICE, "MainPID");
      expect(await configure("log: {level: debug}\nrequest: {deadline: 9s}\n")).toBe(0);
      await until("the change is seen", async () =>
        (await status()).includes("restart is needed for request.deadline"),
      );
      expect(await configShown()).toMatchObject({ ...IN_FORCE, needRestart: ["request.deadline"] });
      expect(await configure("log: {level: loud}\n")).toBe(1);
      expect(await configShown()).toMatchObject({ inForce: "before", error: "config-invalid" });
      await until("the status says so", async () => (await status()).includes("has errors"));
      expect((await root.exec(DAEMON.to, ["doctor"])).stdout).toContain("log.level");
      expect(await configure("")).toBe(0);
      await until("the status says so", async () => !(await status()).includes("has errors"));
      expect(await root.property(SERVICE, "MainPID")).toBe(pid);
      root.write(CONFIG_PATH, CONFIG);
      expect(await configShown()).toMatchObject({ ...IN_FORCE, changed: true });
    });
  });

  it("notifies systemd through the program systemd-notify when there is no launcher", async () => {
    const bare = dropIn(
      SERVICE,
      "bare",
      `[Service]\nExecStart=\nExecStart=${DAEMON.to} serve\nNotifyAccess=all\nExecPaths=/usr/bin/systemd-notify\nWatchdogSec=2s\n`,
    );
    await withDropIn(root, bare, async () => {
      expect(await password()).toMatch(/\./);
      const pid = await root.property(SERVICE, "MainPID");
      await sleep(5_000);
      expect(await root.property(SERVICE, "MainPID")).toBe(pid);
      expect(await status()).toMatch(/^serving 1 registry host/);
      await root.run("systemctl", ["reload", SERVICE]);
      await root.run("systemctl", ["stop", SERVICE]);
      expect(await root.property(SERVICE, "Result")).toBe("success");
    });
  });
});
