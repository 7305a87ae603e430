import { createHash } from "node:crypto";
import fs from "node:fs";
import { dirname, join } from "node:path";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it, vi } from "vitest";
import { snapshotOf } from "../../test/image-node.ts";
import { fileSystemThat, Killed, killedAt } from "../../test/killed-at.ts";
import { installErrorOf } from "../install-error.ts";
import { createDisk, type FileSystem } from "./disk.ts";
import { applySteps, commit, createRun } from "./run.ts";
import { type RunState, save } from "./run-state.ts";
import type { Content, FileStep, Step } from "./step.ts";
import { beginRemoval, restoreAll, rollBackFiles } from "./undo.ts";

const NOTHING = { changes: "", check: "" };
const file = (path: string, content: Content): FileStep => ({
  kind: "file",
  change: content.kind === "copy" ? "program" : "kubelet-configuration",
  name: path,
  path,
  content,
  ...NOTHING,
});
const text = (value: string): Content => ({ kind: "text", text: value, mode: 0o644 });
const link = (target: string): Content => ({ kind: "link", target });

const CONFIG = "/etc/kubernetes/providers.yaml";
const PLUGIN = "/usr/local/bin/credential-provider-oke";
const ABOVE = "/etc/new/folder/file";
const GONE = "/usr/share/doc/old-page";
/** Of the archive. */
const PROGRAM = join(temporaryFolder(), "program");

/** A node with another provider, below a temporary folder. */
function nodeWithProvider(): string {
  const { root, write } = createNodeTree();
  write(CONFIG, "theirs\n", 0o640);
  write(PLUGIN, "#!/bin/sh\n", 0o755);
  write(GONE, "old\n");
  fs.mkdirSync(join(root, "var/lib"), { recursive: true });
  fs.symlinkSync("elsewhere", join(root, "etc/link"));
  return root;
}

function stepsFor(version = "2"): Step[] {
  fs.writeFileSync(PROGRAM, `program ${version}`);
  const sha256 = createHash("sha256").update(`program ${version}`).digest("hex");
  return [
    file("/usr/libexec/ocir-broker/ocir-broker", { kind: "copy", from: PROGRAM, sha256, mode: 0o755 }),
    file(GONE, { kind: "absent" }),
    { kind: "action", name: "start", ...NOTHING, undo: "disable-units", run: async () => {} },
    file(ABOVE, text(`ours ${version}\n`)),
    file("/etc/link", link("/usr/libexec/ocir-broker/x")),
    file(PLUGIN, link("/usr/libexec/ocir-broker/credential-provider-oke")),
    file(CONFIG, text(`ours ${version}\n`)),
  ];
}

/** Then the steps change it again. */
const TWICE = [file(CONFIG, text("ours at first\n"))];

const ALL = [CONFIG, PLUGIN, "/etc/link", ABOVE, GONE, "/usr/libexec/ocir-broker/ocir-broker"];

const runOn = (root: string, change?: FileSystem) => createRun({ disk: createDisk(root, change), say() {} });

function rollBack(run: RunState): void {
  rollBackFiles(run);
  save(run, run.record);
}

async function install(root: string, version?: string, change?: FileSystem, first: readonly Step[] = []) {
  const run = runOn(root, change);
  rollBack(run);
  await applySteps(run, [...first, ...stepsFor(version)]);
  commit(run, version);
}

async function remove(root: string, change?: FileSystem) {
  const run = runOn(root, change);
  rollBack(run);
  beginRemoval(run);
  const isRestored = restoreAll(
    run,
    ALL.map((path) => ({ name: path, path })),
  );
  save(run, run.record);
  return { isRestored, left: run.left };
}

async function nodeWithVersion1(): Promise<string> {
  const root = nodeWithProvider();
  await install(root, "1");
  return root;
}

/** Calls `check` with a node on which `run` was killed before a change, for each change. @returns their number. */
async function eachKill(
  arrange: () => Promise<string>,
  run: (root: string, change: FileSystem) => Promise<void>,
  check: (root: string, when: string) => Promise<void>,
): Promise<number> {
  for (let nth = 1; ; nth += 1) {
    const root = await arrange();
    const ended: unknown = await run(root, killedAt(nth)).catch((error) => error);
    if (ended === undefined) return nth - 1;
    expect(installErrorOf(ended).cause ?? ended, `change ${nth}`).toBeInstanceOf(Killed);
    await check(root, `killed before change ${nth}`);
  }
}

// Each kill installs and removes: a minute and more on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

describe("createRun", () => {
  it("rolls back every byte when a first installation is killed at any change", async () => {
    const before = snapshotOf(nodeWithProvider());
    const changes = await eachKill(
      async () => nodeWithProvider(),
      (root, change) => install(root, "1", change, TWICE),
      async (root, when) => {
        const run = runOn(root);
        rollBack(run);
        const isCommitted = run.record.version !== undefined;
        if (isCommitted) await remove(root);
        expect(snapshotOf(root), when).toEqual(before);
      },
    );
    expect(changes).toBeGreaterThan(50);
  });

  it("rolls back when an upgrade is killed at any change, completes when run again, and is removed to the last byte", async () => {
    const original = snapshotOf(nodeWithProvider());
    const before = snapshotOf(await nodeWithVersion1());
    await eachKill(
      nodeWithVersion1,
      (root, change) => install(root, "2", change),
      async (root, when) => {
        const run = runOn(root);
        rollBack(run);
        if (run.record.version === "1") expect(snapshotOf(root), when).toEqual(before);
        await install(root, "2");
        expect(snapshotOf(root), when).toContain(`${CONFIG.slice(1)} 100640 ours 2\n`);
        expect(await remove(root), when).toEqual({ isRestored: true, left: [] });
        expect(snapshotOf(root), when).toEqual(original);
      },
    );
  });

  it("rolls back every byte of an upgrade when the rollback is killed at any change and run again", async () => {
    const before = snapshotOf(await nodeWithVersion1());
    await eachKill(
      async () => {
        const root = await nodeWithVersion1();
        await applySteps(runOn(root), [...TWICE, ...stepsFor()]);
        return root;
      },
      async (root, change) => rollBack(runOn(root, change)),
      async (root, when) => {
        rollBack(runOn(root));
        expect(snapshotOf(root), when).toEqual(before);
      },
    );
  });

  it("restores every byte when a removal is killed at any change and run again", async () => {
    const before = snapshotOf(nodeWithProvider());
    await eachKill(
      nodeWithVersion1,
      async (root, change) => {
        if (!(await remove(root, change)).isRestored) throw new Killed();
      },
      async (root, when) => {
        await remove(root);
        expect(snapshotOf(root), when).toEqual(before);
      },
    );
  });

  it.each(["ENOSPC", "EROFS"])("changes nothing when the disk fails with %s at any change", async (code) => {
    const before = snapshotOf(nodeWithProvider());
    for (let nth = 1; ; nth += 1) {
      const root = nodeWithProvider();
      let changes = 0;
      const failing = fileSystemThat((name, change) => {
        changes = change;
        if (change === nth && name !== "unlinkSync" && name !== "rmdirSync")
          throw Object.assign(new Error(code), { code });
      });
      const run = runOn(root, failing);
      const error = await applySteps(run, stepsFor()).catch((reason) => reason);
      if (changes < nth) break;
      rollBack(run);
      if (error !== undefined) expect(error).toMatchObject({ code: "disk" });
      expect(snapshotOf(root), `change ${nth}`).toEqual(before);
    }
  });

  it.each([
    ["as they like", "edited\n", []],
    ["to what an upgrade would write", "ours 2\n", ["2"]],
  ])(
    "leaves a file that somebody else has changed %s, and names the copy from before",
    async (_what, edited, upgrades) => {
      const root = await nodeWithVersion1();
      fs.writeFileSync(join(root, CONFIG), edited);
      for (const version of upgrades) await install(root, version);
      const saved = "/var/lib/ocir-broker/replaced/etc/kubernetes/providers.yaml/before";
      expect((await remove(root)).left).toEqual([{ path: CONFIG, why: expect.stringContaining(saved) }]);
      expect(fs.readFileSync(join(root, CONFIG), "utf8")).toBe(edited);
      expect(fs.readFileSync(join(root, saved), "utf8")).toBe("theirs\n");
    },
  );

  it("restores what another provider wrote later over ours", async () => {
    const root = await nodeWithVersion1();
    fs.unlinkSync(join(root, PLUGIN));
    fs.writeFileSync(join(root, PLUGIN), "later\n", { mode: 0o755 });
    await install(root, "2");
    expect(fs.readlinkSync(join(root, PLUGIN))).toContain("/usr/libexec/ocir-broker/");
    await remove(root);
    expect(fs.readFileSync(join(root, PLUGIN), "utf8")).toBe("later\n");
  });

  it("keeps a file that others change during a run which is rolled back, and names it", async () => {
    const root = nodeWithProvider();
    const run = runOn(root);
    await applySteps(run, stepsFor());
    fs.writeFileSync(join(root, CONFIG), "edited\n");
    rollBack(run);
    expect(fs.readFileSync(join(root, CONFIG), "utf8")).toBe("edited\n");
    expect(run.left).toMatchObject([{ path: CONFIG }]);
  });

  it("flushes the folder of each file that it replaces or removes, before the next one and before the record", async () => {
    const root = nodeWithProvider();
    const missing: string[] = [];
    let last = "";
    const changed = (path: fs.PathLike) => {
      if (last !== "") missing.push(last);
      last = String(path);
    };
    await install(root, "1", {
      ...fs,
      renameSync(from, to) {
        changed(to);
        fs.renameSync(from, to);
      },
      fsyncSync(file) {
        if (fs.readlinkSync(`/proc/self/fd/${file}`) === dirname(last)) last = "";
      },
    });
    expect([missing, last]).toEqual([[], ""]);
  });

  it("follows no link that is planted under the names that it uses", async () => {
    const root = nodeWithProvider();
    const victim = join(root, "etc/victim");
    fs.writeFileSync(victim, "untouched\n");
    for (const suffix of [".ocir-broker-new", ".ocir-broker-previous"])
      for (const path of [CONFIG, PLUGIN]) fs.symlinkSync(victim, join(root, path + suffix));
    await install(root);
    await remove(root);
    expect(fs.readFileSync(victim, "utf8")).toBe("untouched\n");
    expect(snapshotOf(root).filter((line) => line.includes(".ocir-broker-"))).toEqual([]);
  });

  it("changes nothing when everything is installed already", async () => {
    const root = await nodeWithVersion1();
    const run = runOn(root);
    await applySteps(run, stepsFor("1"));
    commit(run, "1");
    expect(run.steps.filter(({ state }) => state === "done")).toEqual([{ name: "start", state: "done" }]);
  });
});
