/** The DaemonSet's image of both architectures, whose archives and programs are only files with the right names. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DaemonSetFiles, makeDaemonSetImage } from "../src/daemonset-image.ts";
import type { Release } from "../src/release.ts";
import { TARGETS } from "../src/target.ts";

export function makeEmptyDaemonSetImage(folder: string, release: Release): Promise<DaemonSetFiles> {
  mkdirSync(join(folder, "work"), { recursive: true });
  for (const name of ["enter-node", "node", "libatomic.so.1", "daemonset.mjs"])
    writeFileSync(join(folder, name), "program\n");
  const contents = TARGETS.map((target) => {
    const name = `ocir-broker-${release.version}-linux-${target.debArchitecture}`;
    const archive = join(folder, `${target.debArchitecture}.tar.gz`);
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "program"), `for ${target.debArchitecture}\n`);
    execFileSync("tar", ["-czf", archive, "-C", folder, name]);
    return { target, archive, programs: folder, bill: `{"for":"${target.debArchitecture}"}` };
  });
  return makeDaemonSetImage(release, contents, { work: join(folder, "work"), output: folder });
}
