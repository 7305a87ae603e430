/**
 * The power goes at random moments of a first boot, an upgrade and a removal: at the next boot, a kubelet runs. What has been seen is kept
 * in the user's cache folder, and a run that was ended goes on there. A summary of all cuts is printed at the end.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createSeededRandom } from "@ocir-broker/testkit/seeded-random";
import { until } from "@ocir-broker/testkit/until";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CACHE } from "../go-build.ts";
import { type Cloud, startCloud } from "./cloud.ts";
import { NODE_DISK } from "./node-disk.ts";
import { BOOTSTRAPS, digestOf } from "./node-files.ts";
import { nodeScriptOf, OLDER_VERSION, VERSION } from "./release.ts";
import { CLOUD_INIT_ENDED, newDisk, startMachine, type VirtualMachine } from "./virtual-machine.ts";

const CUTS = 10;
/** After cloud-init has ended. */
const KUBELET_LIMIT_MS = 600_000;
const KUBELET_RUNS = "the kubelet runs";
const USER_DATA_STARTS = /Cloud-init v.* running 'modules:final'/;
const UPGRADE = "/opt/upgrade.sh";
const FOLDER = join(
  CACHE,
  `machine-cuts-${digestOf(NODE_DISK.image, nodeScriptOf(VERSION), nodeScriptOf(OLDER_VERSION))}`,
);
/** A node with the older release, which has been shut down. */
const INSTALLED = join(FOLDER, "installed");
const RECORD = join(FOLDER, "record.json");

/** How long each lasts without a cut, and what each cut has led to. */
interface CutRecord {
  readonly durationMs: Record<string, number>;
  readonly outcomes: Record<string, string>;
}

let cloud: Cloud;
let record: CutRecord = { durationMs: {}, outcomes: {} };

function keep(): void {
  writeFileSync(`${RECORD}.new`, JSON.stringify(record, null, 1));
  renameSync(`${RECORD}.new`, RECORD);
}

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  if (existsSync(RECORD)) record = JSON.parse(readFileSync(RECORD, "utf8"));
  cloud = await startCloud();
  return () => cloud.close();
});

afterAll(() => console.log(JSON.stringify(record, null, 1)));

const boot = (name: string, disk: string) =>
  startMachine({ name, disk, files: [...cloud.files, { from: { text: nodeScriptOf(VERSION) }, to: UPGRADE }] });

async function untilKubeletRuns(machine: VirtualMachine): Promise<void> {
  const isHealthy = async () =>
    (await machine.exec("curl", ["-sS", "-m", "20", "http://127.0.0.1:10248/healthz"])).stdout === "ok";
  await until("the kubelet is healthy", isHealthy, KUBELET_LIMIT_MS, 1_000);
}

interface Kind {
  /** Which disk the node starts with. */
  readonly behind: string | undefined;
  /** Resolves when the change is about to begin. */
  untilReady(machine: VirtualMachine): Promise<void>;
  /** The change, to its end. */
  change(machine: VirtualMachine): Promise<unknown>;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "first boot": {
    behind: undefined,
    untilReady: (machine) => machine.untilPrinted(USER_DATA_STARTS),
    change: (machine) => machine.untilPrinted(CLOUD_INIT_ENDED),
  },
  upgrade: {
    behind: INSTALLED,
    untilReady: untilKubeletRuns,
    change: (machine) => machine.run("env", "OCIR_BROKER_BOOTSTRAP=running", "sh", UPGRADE),
  },
  removal: {
    behind: INSTALLED,
    untilReady: untilKubeletRuns,
    change: (machine) => machine.run("ocir-broker", "node", "remove"),
  },
};

describe.each(Object.entries(KINDS))("%s", (kind, { behind, untilReady, change }) => {
  const name = kind.replace(" ", "-");

  it("succeeds without a cut, in a time that is measured", async () => {
    if (behind !== undefined && !existsSync(behind)) await install();
    if (record.durationMs[kind] !== undefined) return;
    cloud.setUserData(nodeScriptOf(VERSION));
    const machine = await boot(name, newDisk(undefined, behind));
    await untilReady(machine);
    const startedAtMs = performance.now();
    await change(machine);
    record.durationMs[kind] = Math.round(performance.now() - startedAtMs);
    keep();
    await machine.shutDown();
  });

  it.each(Array.from({ length: CUTS }, (_, cut) => cut))("cut %i: at the next boot, a kubelet runs", async (cut) => {
    const key = `${kind}, cut ${cut}`;
    record.outcomes[key] ??= await cutAndLook(cut);
    keep();
    expect(record.outcomes[key]).toContain(KUBELET_RUNS);
  });

  async function cutAndLook(cut: number): Promise<string> {
    cloud.setUserData(nodeScriptOf(VERSION));
    const disk = newDisk(undefined, behind);
    const machine = await boot(`${name}-${cut}`, disk);
    await untilReady(machine);
    const afterMs = Math.round(createSeededRandom(cut)() * (record.durationMs[kind] ?? 0));
    change(machine).catch(() => undefined);
    await sleep(afterMs);
    await machine.cutPower();
    return `after ${afterMs} ms: ${await lookAfter(`${name}-${cut}`, disk)}`;
  }
});

/** Of the older release, to its end. */
async function install(): Promise<void> {
  cloud.setUserData(nodeScriptOf(OLDER_VERSION));
  const disk = newDisk(`${INSTALLED}.new`);
  const machine = await boot("older-release", disk);
  await machine.untilPrinted(CLOUD_INIT_ENDED);
  expect(machine.printed()).not.toContain("without ocir-broker");
  await untilKubeletRuns(machine);
  await machine.shutDown();
  renameSync(disk, INSTALLED);
}

/** Boots the node after a cut. @returns what there is of it */
async function lookAfter(name: string, disk: string): Promise<string> {
  const next = await boot(`${name}-next`, disk);
  await next.untilPrinted(CLOUD_INIT_ENDED);
  if ((await next.exec("systemctl", ["is-enabled", "kubelet"])).exitCode === 0) return describeNode(next);
  // What cloud-init/README.md advises, because cloud-init does not run user data twice.
  await next.run("cloud-init", "clean");
  await next.shutDown();
  const third = await boot(`${name}-third`, disk);
  await third.untilPrinted(CLOUD_INIT_ENDED);
  return `not bootstrapped until \`cloud-init clean\` and a reboot; then ${await describeNode(third)}`;
}

async function describeNode(machine: VirtualMachine): Promise<string> {
  const said = async (...command: [string, ...string[]]) =>
    (await machine.exec(command[0], command.slice(1))).stdout.trim();
  const kubelet = await untilKubeletRuns(machine).then(
    () => KUBELET_RUNS,
    async () =>
      `no kubelet runs: ${await said("journalctl", "--no-pager", "--lines=5", "--output=cat", "--unit=kubelet")}`,
  );
  const bootstraps = (await said("cat", BOOTSTRAPS)).split("\n").length;
  const version = (await said("ocir-broker", "version")) || "no ocir-broker";
  const [status = ""] = (await said("ocir-broker", "node", "status")).split("\n");
  await machine.cutPower();
  return `${kubelet}; ${bootstraps} bootstraps; ${version}; ${status}`;
}
