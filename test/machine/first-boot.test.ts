/**
 * A node that really boots: Debian's kernel and systemd, control groups of version 2, and cloud-init, which runs a release's
 * ocir-broker-node.sh as user data. Its consoles are in dist/test-machine, with the journal if a test fails.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { type Cloud, startCloud } from "./cloud.ts";
import { BOOTSTRAPS } from "./node-files.ts";
import { nodeScriptOf, VERSION } from "./release.ts";
import { CLOUD_INIT_ENDED, newDisk, startMachine, type VirtualMachine } from "./virtual-machine.ts";

const SCRIPT = nodeScriptOf(VERSION);
/** In ocir-broker-node.sh, what an operator can get wrong. */
const ERRORS = {
  "a setting is wrong": { from: /^bootstrap=/m, to: "bootstrap=okay", code: "settings" },
  "the archive has another checksum": {
    from: /^sha256_amd64=\w+/m,
    to: `sha256_amd64=${"0".repeat(64)}`,
    code: "checksum",
  },
  "there is no route to the archive": { from: /^sources=\S+/m, to: "sources=http://10.98.0.1/", code: "download" },
} as const;

let cloud: Cloud;
let machine: VirtualMachine;

beforeAll(async () => {
  cloud = await startCloud();
  return () => cloud.close();
});

async function boot(name: string, disk: string): Promise<void> {
  machine = await startMachine({ name, disk, files: cloud.files });
}

async function reboot(name: string, disk: string): Promise<void> {
  await machine.shutDown();
  await boot(name, disk);
}

const bootstraps = async () => (await machine.run("cat", BOOTSTRAPS)).split("\n");

describe("a node with a release's ocir-broker-node.sh as its user data", () => {
  let disk: string;

  it("joins at its first boot, and runs a pod with a private image", async () => {
    cloud.setUserData(SCRIPT);
    disk = newDisk();
    await boot("first-boot", disk);
    await machine.untilPrinted(CLOUD_INIT_ENDED);
    expect(await bootstraps()).toEqual([expect.stringMatching(/^bootstrap .*--image-credential-provider-config=/)]);
    await cloud.runPod("first");
    await cloud.untilNodeReady();
  });

  it("pulls after a reboot, and is not bootstrapped again", async () => {
    await reboot("reboot", disk);
    await cloud.runPod("second");
    expect(await machine.run("systemctl", "is-active", "ocir-broker")).toBe("active");
    expect(await bootstraps()).toHaveLength(1);
  });

  it("has a kubelet that starts after a removal of ocir-broker and a reboot", async () => {
    await machine.run("ocir-broker", "node", "remove");
    await reboot("removed", disk);
    await cloud.runPod("oke-public-third");
    expect((await machine.exec("ls", ["/usr/libexec/ocir-broker"])).exitCode).not.toBe(0);
    await machine.cutPower();
  });
});

describe("a node joins without ocir-broker, and says why on its console,", () => {
  it.each(Object.entries(ERRORS))("if %s", async (_, { from, to, code }) => {
    await cloud.forgetNode();
    cloud.setUserData(SCRIPT.replace(from, to));
    await boot(code, newDisk());
    await machine.untilPrinted(CLOUD_INIT_ENDED);
    expect(machine.printed()).toContain(`ERROR: this node gets no ocir-broker: ${code}: `);
    await cloud.runPod(`oke-public-${code}`);
    expect(await bootstraps()).toEqual(["bootstrap"]);
    await machine.cutPower();
  });
});
