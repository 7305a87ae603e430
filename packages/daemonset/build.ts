/**
 * Builds dist/daemonset.mjs: the DaemonSet's program in one file, for the Node that is in its image, with esbuild's metafile beside it.
 *
 * usage: node build.ts [FOLDER]
 */
import { join, resolve } from "node:path";
import { bundle } from "@ocir-broker/foundation/bundle";

const HERE = import.meta.dirname;
const folder = resolve(process.argv[2] ?? join(HERE, "../../dist"));

await bundle({
  absWorkingDir: HERE,
  outfile: join(folder, "daemonset.mjs"),
  format: "esm",
  // Some dependencies are CommonJS.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});
