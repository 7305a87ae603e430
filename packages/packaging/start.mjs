/**
 * `npm run package`: names missing tools, installs the dependencies if they are missing, then runs main.ts with the pinned Node.
 * Plain JavaScript without dependencies, because it runs before anything is installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { missingTools } from "./tools.mjs";

const CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));
const NODE = join(CHECKOUT, "node_modules/.bin/node");

const args = process.argv.slice(2);
const missing = missingTools(/--for[= ]here/.test(args.join(" ")));
if (missing !== undefined && !args.includes("--help") && !args.includes("-h")) {
  process.stderr.write(`npm run package needs what is not here:\n  ${missing}\n`);
  process.exit(1);
}
if (!existsSync(NODE)) run("npm", ["ci", "--no-audit", "--no-fund"]);
run(NODE, [join(CHECKOUT, "packages/packaging/src/main.ts"), ...args]);

/** Ends this program if that one fails. */
function run(program, programArgs) {
  const { status } = spawnSync(program, programArgs, { cwd: CHECKOUT, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
