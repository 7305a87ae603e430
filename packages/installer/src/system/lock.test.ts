import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { expect, it, onTestFinished } from "vitest";
import { createDisk } from "../disk.ts";
import { withLock } from "./lock.ts";

const isFree = (path: string): boolean => spawnSync("flock", ["-n", path, "true"]).status === 0;

function createNode() {
  const root = temporaryFolder();
  mkdirSync(join(root, "run"));
  const said: string[] = [];
  const node = { disk: createDisk(root), say: (line: string) => void said.push(line) };
  return { root, node, said, path: join(root, "run/ocir-broker-install.lock") };
}

it("withLock holds the lock until its work has ended, also if that fails", async () => {
  const { node, path } = createNode();
  const work = async () => {
    await setImmediate();
    throw new Error(String(isFree(path)));
  };
  await expect(withLock(node, work)).rejects.toThrow("false");
  expect(isFree(path)).toBe(true);
});

it("withLock waits for another installer, and says so", async () => {
  const { node, said } = createNode();
  const order: string[] = [];
  let second: Promise<unknown> | undefined;
  await withLock(node, async () => {
    second = withLock(node, async () => order.push("second"));
    await until("the second waits", async () => said.length > 0);
    order.push("first");
  });
  await second;
  expect([order, said]).toEqual([["first", "second"], [expect.stringContaining("waiting")]]);
});

it("withLock leaves the lock free when its process is killed", async () => {
  const { root, path } = createNode();
  const script = `import { withLock } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))};
    import { createDisk } from ${JSON.stringify(join(import.meta.dirname, "../disk.ts"))};
    const node = { disk: createDisk(${JSON.stringify(root)}), say() {} };
    await withLock(node, async () => process.kill(process.pid, "SIGKILL"));`;
  const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
  expect(signal).toBe("SIGKILL");
  expect(spawnSync("flock", ["-w", "20", path, "true"]).status).toBe(0);
});

it("withLock holds the lock in a process that Ctrl-C does not end before this one", async () => {
  const { node } = createNode();
  const groups = () => execFileSync("ps", ["-o", "pgid=,args=", "--ppid", String(process.pid)], { encoding: "utf8" });
  const own = execFileSync("ps", ["-o", "pgid=", String(process.pid)], { encoding: "utf8" }).trim();
  const [holder = ""] = await withLock(node, async () => groups().match(/^ *\d+ .*ocir-broker-install.lock.*$/m) ?? []);
  expect(holder).not.toBe("");
  expect(holder.trim().split(" ")[0]).not.toBe(own);
});

it("withLock creates a lock that the next run can use, whatever the umask is", async () => {
  const { node } = createNode();
  const before = process.umask(0o777);
  onTestFinished(() => void process.umask(before));
  await withLock(node, async () => {});
  await expect(withLock(node, async () => "again")).resolves.toBe("again");
});

it("withLock makes a lock that another program has made root's alone", async () => {
  const { node, path } = createNode();
  writeFileSync(path, "", { mode: 0o644 });
  await withLock(node, async () => {});
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
