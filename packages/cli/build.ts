/**
 * Builds dist/ocir-broker: the command line and the daemon as one executable with its own Node.
 *
 * One CommonJS bundle (it starts faster than ESM, and oci-common needs `require`) with its code cache is put into the
 * pinned Node, whose checksum must be the recorded one: the npm packages that carry it are made by a third party.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { build } from "esbuild";
import checksums from "./node-checksums.json" with { type: "json" };
import cliPackage from "./package.json" with { type: "json" };

const HERE = import.meta.dirname;
const WORK = join(HERE, "build");
const DIST = join(HERE, "../../dist");

/** Read by the executable before the environment is: none of these can be undone by NODE_OPTIONS. */
const NODE_FLAGS = [
  // V8 keeps what it once needed. With a 16 MiB young generation (its default) 50 000 requests leave 149 MiB, with 1 MiB 56 MiB.
  "--max-semi-space-size=1",
  "--max-old-space-size=48",
  "--disable-sigusr1",
  "--no-addons",
  "--disable-warning=DEP0040",
];

const architecture = process.argv[2] ?? process.arch;
const node = pinnedNode(architecture);
mkdirSync(WORK, { recursive: true });
mkdirSync(DIST, { recursive: true });

await build({
  entryPoints: [join(HERE, "src/main.ts")],
  outfile: join(WORK, "ocir-broker.cjs"),
  bundle: true,
  minify: true,
  platform: "node",
  target: "node26",
  format: "cjs",
  legalComments: "none",
  define: { "process.env.OCIR_BROKER_VERSION": JSON.stringify(cliPackage.version) },
});

const unfinished = join(WORK, "ocir-broker");
const seaConfig = join(WORK, "sea-config.json");
writeFileSync(
  seaConfig,
  JSON.stringify({
    main: join(WORK, "ocir-broker.cjs"),
    mainFormat: "commonjs",
    executable: node,
    output: unfinished,
    disableExperimentalSEAWarning: true,
    useCodeCache: architecture === process.arch,
    execArgv: NODE_FLAGS,
    execArgvExtension: "none",
  }),
);
execFileSync(process.execPath, ["--build-sea", seaConfig], { stdio: ["ignore", "ignore", "inherit"] });
renameSync(unfinished, join(DIST, "ocir-broker"));

function pinnedNode(arch: string): string {
  const expected = Object.entries(checksums.sha256).find(([name]) => name === arch)?.[1];
  if (expected === undefined) throw new Error(`no Node is pinned for ${arch}: x64 and arm64 are`);
  const path = createRequire(import.meta.url).resolve(`node-linux-${arch}/bin/node`);
  const actual = createHash("sha256").update(readFileSync(path)).digest("hex");
  if (actual !== expected) throw new Error(`${path} has SHA-256 ${actual}, node-checksums.json says ${expected}`);
  return path;
}
