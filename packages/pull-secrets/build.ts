/**
 * Builds dist/pull-secrets.cjs: the controller in one file, for the Node that is in its image, with esbuild's metafile beside it.
 * CommonJS, because oci-common needs `require`.
 *
 * usage: node build.ts [FOLDER]
 */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const HERE = import.meta.dirname;
const folder = resolve(process.argv[2] ?? join(HERE, "../../dist"));

const { metafile } = await build({
  absWorkingDir: HERE,
  entryPoints: ["src/main.ts"],
  outfile: join(folder, "pull-secrets.cjs"),
  bundle: true,
  minify: true,
  platform: "node",
  target: "node26",
  format: "cjs",
  legalComments: "none",
  metafile: true,
});
writeFileSync(join(folder, "pull-secrets.metafile.json"), JSON.stringify(metafile));
