/** How each of our programs is bundled by esbuild. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type BuildOptions, build, type PluginBuild } from "esbuild";

const BUNDLE_OPTIONS = {
  entryPoints: ["src/main.ts"],
  bundle: true,
  minify: true,
  platform: "node",
  target: "node26",
  legalComments: "none",
  // As Node bundles undici: without its second, experimental HTTP parser.
  define: { esbuildDetection: "true" },
  plugins: [{ name: "parts", setup: useParts }],
} as const satisfies BuildOptions;

/** oci-common's region table loads its HTTP client, which loads these. */
const UNUSED_BY_OCI_COMMON = /^(?:isomorphic-fetch|node-fetch|opossum|jsonwebtoken)$/;

/** Redirects only the bare names: the parts themselves are reached by their paths. Modules that no part calls are left empty. */
function useParts(bundler: PluginBuild): void {
  const redirect = (filter: RegExp, path: string) =>
    bundler.onResolve({ filter }, () => ({ path: join(import.meta.dirname, path) }));
  redirect(/^undici$/, "undici-parts.cjs");
  redirect(/^oci-common$/, "../identity/oci-common-parts.cjs");
  bundler.onResolve({ filter: UNUSED_BY_OCI_COMMON }, ({ path }) => ({ path, namespace: "unused" }));
  bundler.onLoad({ filter: /.*/, namespace: "unused" }, () => ({ contents: "" }));
}

/**
 * Writes `outfile`, in ASCII: one other character, which esbuild leaves in regular expressions, makes V8 keep the source as UTF-16. Beside
 * it, `….metafile.json` is esbuild's list of inputs, from which a release's bill of materials is made.
 */
export async function bundle(options: BuildOptions & { readonly outfile: string }): Promise<void> {
  const { metafile, outputFiles } = await build({
    ...BUNDLE_OPTIONS,
    ...options,
    define: { ...BUNDLE_OPTIONS.define, ...options.define },
    metafile: true,
    write: false,
  });
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  mkdirSync(dirname(options.outfile), { recursive: true });
  for (const { path, text } of outputFiles) writeFileSync(path, text.replaceAll(/[^\0-\x7F]/g, escaped));
  writeFileSync(options.outfile.replace(/\.\w+$/, ".metafile.json"), JSON.stringify(metafile));
}
