/**
 * The configuration file of a node under a real systemd: for each way in which it can be unusable, `config check`, `status`,
 * doctor and the daemon say the same, and the command that they name mends it.
 */
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { given } from "./given.ts";
import {
  bootSimulatedNode,
  brokerConfig,
  DAEMON,
  HEALTH_SOCKET,
  IMAGE,
  REGISTRY_HOST,
  SERVICE,
  SHIM,
} from "./simulated-node.ts";
import { canBootSystemd } from "./systemd-root/systemd-root.ts";

const PATH = "/etc/ocir-broker/config.yaml";

const PASSWORD = 'proxy: {https: "user:canary@127.0.0.1:1", noProxy: "*"}';

const CLOSE = `chown root /etc/ocir-broker ${PATH}; chmod go-w /etc/ocir-broker ${PATH}`;
const NOT_USED = "so the configuration is not used";
const NOT_ENTERED = (folder: string) =>
  `the daemon's user may not enter ${folder}, so the daemon cannot read the configuration`;
const linkInto = (folder: string) => `mkdir -p ${folder}; mv ${PATH} ${folder}/c.yaml; ln -s ${folder}/c.yaml ${PATH}`;

const UNUSABLE: readonly [name: string, change: string, what: string, fix: string][] = [
  [
    "a link into a folder of root's",
    linkInto("/root/cm"),
    NOT_ENTERED("/root"),
    `install -m 0600 /root/cm/c.yaml ${PATH}`,
  ],
  [
    "a link into a folder that the unit hides",
    linkInto("/home/cm"),
    NOT_ENTERED("/home"),
    `install -m 0600 /home/cm/c.yaml ${PATH}`,
  ],
  [
    "a link to a file that only root may read",
    `chmod 0600 ${PATH}; ${linkInto("/var/lib/cm")}`,
    "the daemon's user may not read the configuration (its mode is 0600)",
    `install -m 0600 /var/lib/cm/c.yaml ${PATH}`,
  ],
  [
    "a link into a folder that others can change",
    `${linkInto("/var/lib/cm")}; chmod 0777 /var/lib/cm`,
    `other users can change the configuration (/var/lib/cm has mode 777), ${NOT_USED}`,
    `install -m 0600 /var/lib/cm/c.yaml ${PATH}`,
  ],
  [
    "another user's file",
    `chown nobody ${PATH}`,
    `other users can change the configuration (${PATH} belongs to user 65534), ${NOT_USED}`,
    CLOSE,
  ],
];

describeUnless(canBootSystemd(), "the configuration file", () => {
  const root = given(bootSimulatedNode, ({ powerOff }) => powerOff());

  const sh = (script: string) => root.run("sh", ["-c", script]);

  /** Applies a file of mode 0644 that root owns, then the change. */
  async function configure(change: string, text = ""): Promise<void> {
    await sh("rm -rf /etc/ocir-broker /root/cm /home/cm /var/lib/cm; mkdir -m 0755 /etc/ocir-broker");
    root.write(PATH, `${brokerConfig(REGISTRY_HOST)}${text}\n`);
    await sh(`chmod 0644 ${PATH}`);
    await root.run("systemctl", ["reload-or-restart", SERVICE]);
    await sh(change);
    await root.exec("systemctl", ["reload", SERVICE]);
  }

  const check = () => root.exec(DAEMON.to, ["config", "check"]);
  const status = () => root.exec(DAEMON.to, ["status"]);
  const ofDaemon = async () => {
    const text = await root.run("curl", [
      "-sSf",
      "-m",
      "20",
      "--unix-socket",
      HEALTH_SOCKET,
      "http://localhost/status",
    ]);
    return JSON.parse(text).config;
  };
  const ofDoctor = async () => {
    const { stdout } = await root.exec(DAEMON.to, ["doctor", "--output", "json"]);
    const { findings } = JSON.parse(stdout) as { findings: { name: string; evidence: string; fix?: string }[] };
    return findings.filter(({ name }) => name.startsWith("broker-config-"));
  };

  it.each(UNUSABLE)(
    "is used by nobody if it is %s, and the named command mends it",
    async (_name, change, what, fix) => {
      await configure(change);
      const line = `${what}; ${fix}`;
      const stderr = `ocir-broker: config-unreadable: ${line}\n`;
      expect(await check()).toMatchObject({ exitCode: 1, stdout: "", stderr });
      expect(await status()).toMatchObject({ stderr, stdout: expect.stringContaining(`\n  ${line}\n`) });
      expect(await ofDaemon()).toMatchObject({ inForce: "before", error: "config-unreadable", errorPlaces: [line] });
      expect(await root.journal(SERVICE)).toContain(line);
      expect(await ofDoctor()).toMatchObject([
        { name: "broker-config-invalid", evidence: what, fix: `${fix}; then systemctl reload ocir-broker.service` },
      ]);
      await sh(`${fix}; systemctl reload ${SERVICE}`);
      expect(await check()).toMatchObject({ exitCode: 0 });
      expect(await ofDaemon()).toMatchObject({ inForce: "all", error: null, changed: false });
    },
  );

  it.each([
    ["a link to a file that everyone may read", linkInto("/var/lib/cm")],
    ["a file in a folder that only root may enter", "chmod 0700 /etc/ocir-broker"],
  ])("is in force if it is %s", async (_name, change) => {
    await configure(change);
    expect(await check()).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await status()).toMatchObject({
      stderr: "",
      stdout: expect.stringMatching(/the whole file is in force(?:\n|, but:\n {2}a restart is needed)/),
    });
    expect(await ofDaemon()).toMatchObject({ inForce: "all", error: null, warning: null });
    expect(await ofDoctor()).toMatchObject([{ name: "broker-config-ok" }]);
  });

  it("is in force with a password that others can read, and everybody names the command that hides it", async () => {
    await configure("true", PASSWORD);
    const [what, fix] = ["every user can read the password in proxy.https", `chmod 0600 ${PATH}`];
    expect(await check()).toMatchObject({ exitCode: 0, stderr: `ocir-broker: ${what}; ${fix}\n` });
    expect((await status()).stdout).toContain(`the whole file is in force, but:\n  ${what}; ${fix}\n`);
    expect(await ofDaemon()).toMatchObject({ inForce: "all", error: null, warning: `${what}; ${fix}` });
    expect(await root.journal(SERVICE)).toContain(what);
    expect(await ofDoctor()).toMatchObject([
      { name: "broker-config-ok" },
      { name: "broker-config-exposed", evidence: what, fix },
    ]);
  });

  const KEPT = "/var/lib/ocir-broker-config";
  const pull = () => root.exec(SHIM, [], { input: credentialProviderRequest({ image: IMAGE }) });
  const password = async () => JSON.parse((await pull()).stdout).auth[REGISTRY_HOST]?.password;
  const restart = () => root.run("systemctl", ["restart", SERVICE]);
  /** As at a boot: without a process, and without its handover. */
  const boot = async () => {
    await root.run("systemctl", ["stop", SERVICE]);
    await root.run("systemctl", ["start", SERVICE]);
  };

  it("is the last valid one after a boot with an invalid file, and goes with the file", async () => {
    await configure("true");
    await restart();
    expect(await root.run("stat", ["-c", "%a %U:%G %n", KEPT])).toBe(`2770 root:ocir-broker-daemon ${KEPT}`);
    expect(await root.run("sh", ["-c", `stat -c "%a %G %n" ${KEPT}/*`])).toBe(
      `640 ocir-broker-daemon ${KEPT}/config-1.json`,
    );
    expect((await root.exec("sh", ["-c", `cat ${KEPT}/*`], { uid: 65_534 })).exitCode).not.toBe(0);
    root.write(PATH, "identity: [");
    await boot();
    expect(await ofDaemon()).toMatchObject({ inForce: "before", error: "config-invalid", path: PATH });
    expect(await password()).toMatch(/\./);
    expect(await root.property(SERVICE, "StatusText")).toContain("has errors; the last valid one stays in force");
    await sh(`rm ${PATH}`);
    await restart();
    expect(await ofDaemon()).toMatchObject({ inForce: "defaults", error: null });
    expect(await root.run("ls", [KEPT])).toBe("");
  });

  it.each([
    ["is read-only", "mount -t tmpfs -o ro tmpfs /var/lib"],
    [
      "is full, with the folder",
      `mount -t tmpfs -o size=4k,mode=2770,gid=$(getent group ocir-broker-daemon | cut -d: -f3) tmpfs ${KEPT}; head -c 4096 /dev/zero >${KEPT}/full`,
    ],
  ])("is in force if /var/lib %s, and the log says that it is not kept", async (_what, spoil) => {
    await configure("true");
    await sh(`rm -f ${KEPT}/*; systemctl stop ${SERVICE}; journalctl --rotate --vacuum-time=1s; ${spoil}`);
    try {
      await root.exec("systemd-tmpfiles", ["--create", "/usr/lib/tmpfiles.d/ocir-broker.conf"]);
      expect(await password()).toMatch(/\./);
      expect(await ofDaemon()).toMatchObject({ inForce: "all", error: null });
      expect(await root.journal(SERVICE)).toContain("the last valid configuration was not kept");
      root.write(PATH, "- a");
      await boot();
      expect(await pull()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("config-invalid: ") });
    } finally {
      await sh(`systemctl stop ${SERVICE}; umount /var/lib ${KEPT} || true`);
    }
  });
});
