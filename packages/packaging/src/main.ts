/**
 * `npm run package`: archive, .deb and .rpm for each architecture, their bills of materials, the DaemonSet's image and
 * manifest, and SHA256SUMS, into dist/packages (or the folder that is given). The same commit gives the same bytes.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { makeArchive } from "./archive.ts";
import { type ImageContent, makeDaemonSetImage } from "./daemonset-image.ts";
import { makeDeb } from "./deb.ts";
import { installedFiles } from "./installed-tree.ts";
import { buildPrograms } from "./programs.ts";
import { CHECKOUT, type Release, thisRelease } from "./release.ts";
import { makeRpm } from "./rpm.ts";
import { missingPrograms, TARGETS, type Target } from "./target.ts";

const output = resolve(process.argv[2] ?? join(CHECKOUT, "dist/packages"));
const work = join(import.meta.dirname, "../build");

const missing = new Set(TARGETS.flatMap(missingPrograms));
if (missing.size > 0) {
  process.stderr.write(
    `npm run package needs what is not here:\n${[...missing].map((line) => `  ${line}\n`).join("")}`,
  );
  process.exit(1);
}

process.umask(0o022);
rmSync(output, { recursive: true, force: true });
rmSync(work, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const release = thisRelease(process.env);
const perTarget = await Promise.all(TARGETS.map((target) => makePackages(target, release)));
const daemonSet = await makeDaemonSetImage(
  release,
  perTarget.map(({ content }) => content),
  { work: join(work, "daemonset"), output },
);
writeFileSync(join(output, daemonSet.manifest.name), daemonSet.manifest.text);
const made = [...perTarget.flatMap(({ names }) => names), daemonSet.image, daemonSet.manifest.name];
const sums = made.toSorted().map(
  (name) =>
    `${createHash("sha256")
      .update(readFileSync(join(output, name)))
      .digest("hex")}  ${name}\n`,
);
writeFileSync(join(output, "SHA256SUMS"), sums.join(""));
for (const name of made) {
  process.stdout.write(
    `${(statSync(join(output, name)).size / 1e6).toFixed(1).padStart(6)} MB  ${join(output, name)}\n`,
  );
}

/** One after the other for a target, both targets at once: a processor each. */
async function makePackages(target: Target, of: Release): Promise<{ names: string[]; content: ImageContent }> {
  const places = { work: join(work, target.debArchitecture), output };
  const programs = await buildPrograms(target, of, join(places.work, "programs"));
  const files = installedFiles(target, of, programs);
  const billOfMaterials = `ocir-broker-${of.version}-linux-${target.debArchitecture}.cdx.json`;
  const list = files.find(({ path }) => path.endsWith("/sbom.cdx.json"))?.from;
  if (typeof list !== "object") throw new Error("the bill of materials is missing");
  writeFileSync(join(output, billOfMaterials), list.text);
  const archive = await makeArchive(target, of, files, places);
  const deb = await makeDeb(target, of, files, places);
  const rpm = await makeRpm(target, of, files, places);
  const content = { target, archive: join(output, archive), programs: programs.folder };
  return { names: [billOfMaterials, archive, deb, rpm], content };
}
