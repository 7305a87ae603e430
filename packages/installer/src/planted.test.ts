/** The daemon's group may write to the folder of the metrics: what it puts in a metric's place must fail no command of root. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { archive, createNode, install, NEVER } from "../test/image-node.ts";
import { disable, enable } from "./commands/off-switch.ts";
import { removeNode } from "./commands/remove.ts";
import { METRICS_FOLDER } from "./installed-files.ts";

const PLACES = ["ocir_broker.prom", "ocir_broker_install.prom", "ocir_broker_disabled.prom"];
const DEEP = Array.from({ length: 12 }, () => "d".repeat(200)).join("/");

/** A script of the shell, which gets both paths. */
const script =
  (text: string) =>
  (...paths: [path: string, victim: string]) =>
    execFileSync("sh", ["-c", text, ...paths]);

function hugeFile(path: string): void {
  fs.writeFileSync(path, "");
  fs.truncateSync(path, 2 ** 40);
}

it.each<[what: string, plant: (path: string, victim: string) => unknown]>([
  ["folder", (path) => fs.mkdirSync(path)],
  ["folder with many files", script('mkdir "$0" && cd "$0" && seq 200 | xargs touch')],
  ["deep folder", (path) => fs.mkdirSync(join(path, DEEP), { recursive: true })],
  ["folder with links", script('mkdir "$0" && cd "$0" && ln -s "$1" a && ln -s .. b && ln -s / c')],
  ["folder with a pipe", script('mkdir "$0" && mkfifo "$0/pipe"')],
  ["link to a folder", (path, victim) => fs.symlinkSync(victim, path)],
  ["link to a file", (path, victim) => fs.symlinkSync(join(victim, "file"), path)],
  ["dangling link", (path) => fs.symlinkSync("/nowhere/file", path)],
  ["link to itself", (path) => fs.symlinkSync(path, path)],
  ["link to an endless device", (path) => fs.symlinkSync("/dev/zero", path)],
  ["hard link", (path, victim) => fs.linkSync(join(victim, "file"), path)],
  ["pipe", (path) => execFileSync("mkfifo", [path])],
  ["socket", (path) => createServer().listen(path).unref()],
  ["unreadable file", (path) => fs.writeFileSync(path, "", { mode: 0 })],
  ["huge file", hugeFile],
  ["folder under each other name", (path) => [".new", ".ocir-broker-new"].map((end) => fs.mkdirSync(path + end))],
])("a %s in a metric's place fails no command", (_, plant) => expectNoFailure(plant));

// Only root can delete it.
it.runIf(process.geteuid?.() === 0)("a folder that nobody may enter in a metric's place fails no command", () =>
  expectNoFailure(script('mkdir -p "$0/a/b"; chmod 0 "$0/a" "$0"')),
);

async function expectNoFailure(plant: (path: string, victim: string) => unknown): Promise<void> {
  const node = createNode();
  const victim = join(node.root, "victim");
  node.write("/victim/file", "untouched");
  const before = node.snapshot();
  const folder = join(node.root, METRICS_FOLDER);
  const planted = async (command: () => Promise<{ readonly ok: boolean }>, cleared: readonly string[]) => {
    execFileSync("rm", ["-rf", folder]);
    fs.mkdirSync(folder, { recursive: true });
    for (const name of PLACES) plant(join(folder, name), victim);
    expect(await command()).toMatchObject({ ok: true });
    const there = cleared.filter((name) => fs.lstatSync(join(folder, name), { throwIfNoEntry: false }) !== undefined);
    expect(there).toEqual([]);
  };
  await planted(() => install(node, archive("1")), ["ocir_broker_install.prom"]);
  await planted(() => install(node, archive("2")), ["ocir_broker_install.prom"]);
  await planted(() => disable(node.context), ["ocir_broker.prom"]);
  await planted(() => enable(node.context), ["ocir_broker_disabled.prom"]);
  await planted(() => removeNode(node.context, NEVER), PLACES);
  const files = (lines: readonly string[]) => lines.filter((line) => !/ 4\d{4} $/.test(line));
  expect(files(node.snapshot())).toEqual(files(before));
}
