/**
 * Builds dist/ocir-broker: the command line and the daemon as one executable with its own Node.
 *
 * One CommonJS bundle (it starts faster than ESM, and oci-common needs `require`) with its code cache is put into the
 * pinned Node, whose checksum must be the recorded one: the npm packages that carry it are made by a third party.
 * The same sources give the same bytes, in any folder.
 *
 * usage: node build.ts
 *        node build.ts --folder F --architecture A --node-package P --strip PROGRAM [--emulator "COMMAND"]
 * The second form is for the packages: everything is made in F, from a Node without symbols, for either architecture. The
 * executable loads the libatomic.so.1 of its folder.
 */
import { execFileSync } from "node:child_process";
import { hash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "@ocir-broker/foundation/bundle";
import checksums from "./node-checksums.json" with { type: "json" };
import cliPackage from "./package.json" with { type: "json" };

const HERE = import.meta.dirname;
/**
 * The executable reads these before the environment, so NODE_OPTIONS cannot undo any of them. --no-maglev and --optimize-for-size are
 * left out: each saves 5 MiB after 100 000 requests, but makes the calls of `npm run bench` slower by a quarter, back to back or apart.
 */
const NODE_FLAGS = [
  // V8 keeps its peak memory. With a 16 MiB young generation (its default) 50 000 requests leave 149 MiB, with 1 MiB 56 MiB.
  "--max-semi-space-size=1",
  // `npm run bench` requests 2048 repositories of 256 hosts while 1000 slow clients are connected: all requests succeed, with
  // twice the CPU time that 48 takes. With 24 the collector takes most of the time. A normal day costs the same with all of them.
  "--max-old-space-size=28",
  // No threads that compile and collect, and no first compiler: 6 MiB less after 100 000 requests, and calls take as long.
  "--v8-pool-size=1",
  "--single-threaded",
  "--no-sparkplug",
  // Ignores OPENSSL_CONF, which may load a provider's code.
  "--openssl-config=/dev/null",
  "--disable-sigusr1",
  "--no-addons",
];

const { values: options } = parseArgs({
  options: {
    folder: { type: "string" },
    architecture: { type: "string", default: process.arch },
    "node-package": { type: "string" },
    strip: { type: "string" },
    emulator: { type: "string", default: "" },
  },
});
const work = options.folder ?? join(HERE, "build");
const dist = options.folder ?? join(HERE, "../../dist");
mkdirSync(dist, { recursive: true });

await bundle({
  absWorkingDir: HERE,
  outfile: join(work, "ocir-broker.cjs"),
  format: "cjs",
  define: { "process.env.OCIR_BROKER_VERSION": JSON.stringify(cliPackage.version) },
});

const pinned = pinnedNode(options.architecture);
const node = options.strip === undefined ? pinned : withoutSymbols(pinned, options.strip);
writeFileSync(
  join(work, "sea-config.json"),
  JSON.stringify({
    // Relative: this path becomes part of the executable.
    main: "ocir-broker.cjs",
    mainFormat: "commonjs",
    executable: node,
    output: "ocir-broker.unfinished",
    disableExperimentalSEAWarning: true,
    useCodeCache: true,
    execArgv: NODE_FLAGS,
    execArgvExtension: "none",
  }),
);
// A code cache works only in the Node that made it, with the same flags, so that Node builds. The seed makes the bytes reproducible
// (--hash-seed does too, but V8 then refuses the cache at run time: the start takes 35 % more CPU).
const [program = node, ...args] = [...options.emulator.split(" ").filter(Boolean), node];
execFileSync(program, [...args, ...NODE_FLAGS, "--random-seed=1", "--build-sea", "sea-config.json"], {
  cwd: work,
  stdio: ["ignore", "ignore", "inherit"],
});
const executable = join(work, "ocir-broker.unfinished");
if (options.strip !== undefined)
  execFileSync("patchelf", ["--set-rpath", "$ORIGIN", executable], { stdio: ["ignore", "inherit", "inherit"] });
renameSync(executable, join(dist, "ocir-broker"));

function pinnedNode(architecture: string): string {
  const expected = Object.entries(checksums.sha256).find(([name]) => name === architecture)?.[1];
  if (expected === undefined) throw new Error(`no Node is pinned for ${architecture}: x64 and arm64 are`);
  const path = join(options["node-package"] ?? installedNodePackage(architecture), "bin/node");
  const actual = hash("sha256", readFileSync(path));
  if (actual !== expected) throw new Error(`${path} has SHA-256 ${actual}, node-checksums.json says ${expected}`);
  return path;
}

function installedNodePackage(architecture: string): string {
  return dirname(createRequire(import.meta.url).resolve(`node-linux-${architecture}/package.json`));
}

/** Removes symbols before the executable is made: an executable stripped afterwards crashes. */
function withoutSymbols(path: string, strip: string): string {
  const stripped = join(work, "node.stripped");
  execFileSync(strip, ["-o", stripped, path], { stdio: ["ignore", "inherit", "inherit"] });
  return stripped;
}
