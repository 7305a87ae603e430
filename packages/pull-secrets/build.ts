/**
 * Builds dist/pull-secrets.cjs: the controller in one file, for the Node that is in its image, with esbuild's metafile beside it.
 * CommonJS, because oci-common needs `require`.
 *
 * usage: node build.ts [FOLDER [API]]   API: a file instead of protocol/src/pull-secret-api.json
 */
import { join, resolve } from "node:path";
import { bundle } from "@ocir-broker/foundation/bundle";

const HERE = import.meta.dirname;
const [, , output = join(HERE, "../../dist"), api] = process.argv;
const folder = resolve(output);

await bundle({
  absWorkingDir: HERE,
  outfile: join(folder, "pull-secrets.cjs"),
  format: "cjs",
  ...(api !== undefined && { alias: { "@ocir-broker/protocol/pull-secret-api": resolve(api) } }),
});
