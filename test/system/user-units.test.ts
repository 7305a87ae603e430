/** The units of one user's broker under a real `systemd --user`: a person with an API key, on a machine without the node's daemon. */
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { given } from "./given.ts";
import { control, DAEMON, REGISTRY_HOST, startSimulator, UNITS } from "./simulated-node.ts";
import { bootSystemd, canBootSystemd, type InstalledFile } from "./systemd-root/systemd-root.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
/** No user of the machine has this id. The node has the machine's files, and so its users. */
const UID = 54_321;
const NOBODY = 65_534;
const HOME = "/home/person";
const RUNTIME = `/run/user/${UID}`;
const SOCKET = `${RUNTIME}/ocir-broker/credentials.sock`;
const HELPER = "/usr/local/bin/docker-credential-ocir";

const FILES: readonly InstalledFile[] = [
  ...UNITS.map((unit) => ({ from: join(CHECKOUT, "systemd/user", unit), to: `/usr/lib/systemd/user/${unit}` })),
  DAEMON,
  { from: join(CHECKOUT, "dist/docker-credential-ocir"), to: HELPER, mode: 0o755 },
  { from: { text: `u person ${UID} "A person" ${HOME} /bin/sh\n` }, to: "/usr/lib/sysusers.d/person.conf" },
];

describeUnless(canBootSystemd(), "the user's units", () => {
  const root = given(
    () => bootSystemd({ files: FILES }),
    ({ powerOff }) => powerOff(),
  );

  const asPerson = (command: string, args: readonly string[], input = "") =>
    root.exec(command, args, { uid: UID, input, env: { HOME, XDG_RUNTIME_DIR: RUNTIME } });

  async function systemctl(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await asPerson("systemctl", ["--user", ...args]);
    expect({ exitCode, stderr: exitCode === 0 ? "" : stderr }).toEqual({ exitCode: 0, stderr: "" });
    return stdout.trim();
  }

  const stateOf = async (unit: string) => (await asPerson("systemctl", ["--user", "is-active", unit])).stdout.trim();
  const status = () => asPerson("/usr/local/bin/ocir-broker", ["status", "--user"]);
  const get = () => asPerson(HELPER, ["get"], `https://${REGISTRY_HOST}\n`);

  async function givePersonAnApiKey(): Promise<void> {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const body = { publicKey: publicKey.export({ type: "spki", format: "pem" }) };
    const lines = JSON.parse(await control(root, "/api-keys", body));
    const profile = Object.entries({ ...lines, key_file: "~/.oci/key.pem" }).map(
      ([name, value]) => `${name}=${value}\n`,
    );
    root.write(`${HOME}/.oci/config`, `[DEFAULT]\n${profile.join("")}`, 0o600);
    root.write(`${HOME}/.oci/key.pem`, String(privateKey.export({ type: "pkcs8", format: "pem" })), 0o600);
    const config = { registries: { prefetch: [], endpoints: { [REGISTRY_HOST]: "http://127.0.0.1:18080" } } };
    root.write(`${HOME}/.config/ocir-broker/config.yaml`, JSON.stringify(config), 0o600);
    await root.run("chown", ["-R", `${UID}:${UID}`, HOME]);
  }

  beforeAll(async () => {
    await startSimulator(root);
    await givePersonAnApiKey();
    await root.run("systemctl", ["start", `user@${UID}.service`]);
  });

  it("pass systemd-analyze verify", async () => {
    const { exitCode, stderr } = await asPerson("systemd-analyze", ["--user", "verify", ...UNITS]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  it("create a socket for this user only, whose first call starts the broker", async () => {
    await systemctl("enable", "--now", "--quiet", "ocir-broker.socket");
    const stat = await root.run("stat", ["-c", "%u %a", SOCKET, join(SOCKET, "..")]);
    expect([stat, await stateOf("ocir-broker.service")]).toEqual([`${UID} 600\n${UID} 700`, "inactive"]);
    const { exitCode, stdout } = await get();
    expect([exitCode, JSON.parse(stdout).Username]).toEqual([0, "BEARER_TOKEN"]);
    expect(await stateOf("ocir-broker.service")).toBe("active");
    const curl = ["-s", "--unix-socket", SOCKET, "-d", REGISTRY_HOST, "http://localhost/v1/docker-credential"];
    expect((await root.exec("curl", curl, { uid: NOBODY })).exitCode).toBe(7);
    expect(await root.run("stat", ["-c", "%a", `${RUNTIME}/ocir-broker/health.sock`])).toBe("600");
    expect((await status()).stdout).toContain("identity user");
  });

  it("restart a killed broker, and leave neither a socket nor state when stopped; the advice of status starts them again", async () => {
    const mainPid = () => systemctl("show", "--property=MainPID", "--value", "ocir-broker.service");
    const killed = await mainPid();
    await systemctl("kill", "--signal=KILL", "ocir-broker.service");
    expect((await get()).exitCode).toBe(0);
    await until("it is active again", async () => (await stateOf("ocir-broker.service")) === "active");
    expect(await mainPid()).not.toBe(killed);
    const state = `${RUNTIME}/ocir-broker-state`;
    expect(await root.run("stat", ["-c", "%u %a", state, `${state}/state`])).toBe(`${UID} 700\n${UID} 600`);
    await systemctl("stop", ...UNITS);
    expect((await root.exec("ls", [state])).exitCode).not.toBe(0);
    expect((await root.exec("find", [`${RUNTIME}/ocir-broker`, "-type", "s"])).stdout).toBe("");
    const { stderr } = await status();
    await asPerson("sh", ["-c", /(?<=to restart the daemon: ).*/.exec(stderr)?.[0] ?? stderr]);
    expect((await status()).stdout).toContain("identity user");
  });
});
