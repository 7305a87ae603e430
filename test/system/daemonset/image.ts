/** The DaemonSet's image for this machine's architecture, from the built programs and the tests' archive. */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type DaemonSetFiles, makeDaemonSetImage } from "../../../packages/packaging/src/daemonset-image.ts";
import { TARGETS, type Target } from "../../../packages/packaging/src/target.ts";
import { makeArchives, VERSION } from "../install/archives.ts";

const CHECKOUT = join(import.meta.dirname, "../../..");

/** Replaces the folder by one with empty folders for an image of this machine's architecture. */
export function prepareImage(folder: string) {
  rmSync(folder, { recursive: true, force: true });
  const [work, programs] = [join(folder, "work"), join(folder, "programs")];
  for (const path of [work, programs]) mkdirSync(path, { recursive: true });
  const target = TARGETS.find(({ nodeArchitecture }) => nodeArchitecture === process.arch) as Target;
  return { work, programs, target, nodePackage: join(CHECKOUT, `node_modules/node-linux-${process.arch}`) };
}

/** Replaces the folder. */
export async function makeImage(folder: string): Promise<DaemonSetFiles> {
  const { work, programs, target, nodePackage } = prepareImage(folder);
  await makeArchives();
  const archive = `dist/test-install/good/ocir-broker-${VERSION}-linux-${target.debArchitecture}.tar.gz`;
  for (const name of ["enter-node", "libatomic.so.1", "daemonset.mjs"]) {
    copyFileSync(join(CHECKOUT, "dist", name), join(programs, name));
  }
  copyFileSync(join(nodePackage, "bin/node"), join(programs, "node"));
  const content = { target, archive: join(CHECKOUT, archive), programs, bill: "{}" };
  return makeDaemonSetImage({ version: VERSION, epochS: 1_767_225_600 }, [content], { work, output: folder });
}
