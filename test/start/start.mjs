/**
 * `npm start` on a fresh checkout, after ready.mjs: installs, builds, then hands over to demo.ts under the pinned Node.
 * Plain JavaScript without dependencies, since it runs before anything is installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(HERE, "../..");
const BIN = join(ROOT, "node_modules/.bin");

const USAGE = `usage: npm start [-- --stay]
  installs, builds, starts a simulator of Oracle's cloud and the daemon on this machine, pulls an image,
  and shows one that is denied
  --stay    keeps everything running, and prints commands to try`;

const options = process.argv.slice(2);
if (options.includes("--help")) {
  console.log(USAGE);
  process.exit(0);
}
const unknown = options.find((option) => option !== "--stay");
if (unknown !== undefined) fail(`unknown argument ${unknown}\n${USAGE}`, 2);
if (process.platform !== "linux") fail("a Linux machine is needed: the broker and its shim are for OKE nodes");
if (spawnSync("cc", ["--version"]).status !== 0)
  fail("no C compiler: install gcc (Debian: apt-get install gcc libc6-dev)");

if (!isInstalled()) run("npm", ["ci", "--no-audit", "--no-fund"]);
run(join(BIN, "turbo"), ["run", "build", "--output-logs=errors-only"]);
run(join(BIN, "node"), [join(HERE, "demo.ts"), ...options]);

function isInstalled() {
  const installed = join(ROOT, "node_modules/.package-lock.json");
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(ROOT, "package-lock.json")).mtimeMs;
}

function run(command, args) {
  const result = spawnSync(command, args, {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, PATH: `${BIN}:${process.env.PATH}`, TURBO_TELEMETRY_DISABLED: "1" },
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function fail(reason, status = 1) {
  console.error(`npm start: ${reason}`);
  process.exit(status);
}
