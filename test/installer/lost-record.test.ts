/**
 * Installations and upgrades that are killed before any change, whose record is then lost, truncated or older: after the next command,
 * the node is as its output claims. The long run has all cases; the short one a part of them, spread over the kills.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { archive, CONFIG, CONNECT, createNode, NEVER, type Node, nodeAt } from "@ocir-broker/installer/test/image-node";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it, vi } from "vitest";
import { PLUGIN, SHIM } from "../../packages/installer/src/installed-files.ts";
import { installNode, removeNode, statusOfNode } from "../../packages/installer/src/node-commands.ts";
import { createDisk } from "../../packages/installer/src/run/disk.ts";
import { RECORD } from "../../packages/installer/src/run/record.ts";
import { killedAt } from "../../packages/installer/test/killed-at.ts";
import { OWN_DROP_IN } from "../../packages/node/src/kubelet-unit.ts";
import { isLongRun } from "../system/long-run.ts";

/** Between the kills; not a multiple of 3, so that each kill of the short run meets another pair of record and command. */
const STEP = isLongRun ? 1 : 13;

vi.setConfig({ testTimeout: isLongRun ? 3_600_000 : 300_000 });

const ARCHIVES = ["1", "2", "3"].map(archive);

const install = (node: Node, version: number, disk = node.context.disk) =>
  installNode({ ...node.context, disk }, NEVER, {
    from: ARCHIVES[version - 1],
    connect: { ...CONNECT, kubeletFlags: true },
    checkConfig() {},
  });
const remove = (node: Node) => removeNode(node.context, NEVER, { isUnfinished: false });

/** A node with another provider's files, or with nothing. */
function newNode(isEmpty: boolean): Node {
  const node = createNode();
  if (isEmpty) for (const path of [CONFIG, PLUGIN]) fs.rmSync(join(node.root, path));
  else fs.symlinkSync("other-provider", join(node.root, `${PLUGIN}-sa`));
  return node;
}

/** Paths with their content, without folders. */
const filesOf = (node: Node): Map<string, string> =>
  new Map(
    node.snapshot().flatMap((line) => (/ 4\d{4} $/.test(line) ? [] : [[`/${line.split(" ")[0]}`, line] as const])),
  );

function differences(before: Map<string, string>, now: Map<string, string>): string[] {
  return [...new Set([...before.keys(), ...now.keys()])].filter((path) => before.get(path) !== now.get(path));
}

/** Each file that is not as before is named, or is the copy of one that is; and each file that is named is there. */
function expectTrue(node: Node, before: Map<string, string>, { left = [] }: NodeResult, when: string): void {
  const claims = left.map(({ path, why }) => `${path}: ${why}`).join("\n");
  const isNamed = (path: string) =>
    path === RECORD ? left.length > 0 : left.some((each) => path.startsWith(each.path) || each.why.includes(path));
  expect(
    differences(before, filesOf(node)).filter((path) => !isNamed(path)),
    `${when}\n${claims}`,
  ).toEqual([]);
  for (const { path } of left) expect(fs.lstatSync(join(node.root, path)), when).toBeDefined();
}

const RECORDS = {
  lost: (node: Node) => fs.rmSync(join(node.root, RECORD), { force: true }),
  truncated: (node: Node) => fs.existsSync(join(node.root, RECORD)) && fs.truncateSync(join(node.root, RECORD), 100),
  older: (node: Node, older: string | undefined) => older !== undefined && node.write(RECORD, older, 0o600),
};

const COMMANDS = {
  remove,
  install: (node: Node, version: number) => install(node, version),
  upgrade: (node: Node, version: number) => install(node, version + 1),
};

it.each([
  ["a first installation beside another provider", false, 1],
  ["a first installation on an empty node", true, 1],
  ["an upgrade beside another provider", false, 2],
  ["an upgrade on an empty node", true, 2],
])("tells the truth after %s that is killed, with a lost, truncated or older record", async (_, isEmpty, version) => {
  for (let nth = 1, isKilled = true; isKilled; nth += STEP) {
    const cases = Object.entries(RECORDS).flatMap(([record, spoil]) =>
      Object.entries(COMMANDS).map(([name, command]) => ({
        when: `change ${nth}, ${record}, ${name}`,
        spoil,
        command,
      })),
    );
    const chosen = isLongRun ? cases : cases.filter((_each, index) => index === nth % cases.length);
    const killed = newNode(isEmpty);
    const before = filesOf(killed);
    if (version === 2) await install(killed, 1);
    const older = version === 2 ? killed.read(RECORD) : undefined;
    isKilled = !(await install(killed, version, createDisk(killed.root, killedAt(nth)))).ok;
    for (const { when, spoil, command } of chosen) {
      const root = join(temporaryFolder(), "node");
      execFileSync("cp", ["-a", killed.root, root]);
      const node = nodeAt(root, killed.units);
      spoil(node, older);
      const spoilt = filesOf(node);
      const result = await command(node, version);
      if (!result.ok) {
        expect(result, when).toMatchObject({ code: "record" });
        expect(differences(spoilt, filesOf(node)), when).toEqual([]);
        if (command === remove) expectTrue(node, before, result, when);
      } else if (command === remove) expectTrue(node, before, result, when);
      else {
        const installed = command === COMMANDS.install ? version : version + 1;
        expect(node.through(PLUGIN), when).toBe(`${SHIM} ${installed}`);
        expect(await statusOfNode(node.context), when).toMatchObject({ ok: true, flagsIn: OWN_DROP_IN });
        expectTrue(node, before, await remove(node), `${when}, removed`);
      }
    }
  }
});
