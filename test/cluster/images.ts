/** Images for this machine's architecture, from the built programs and the tests' archive, and their way onto a node. */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LIBATOMIC, libraryPath } from "../../packages/packaging/src/contents/libraries.ts";
import { type DaemonSetFiles, makeDaemonSetImage } from "../../packages/packaging/src/daemonset-image.ts";
import { makePullSecretsImage } from "../../packages/packaging/src/pull-secrets-image.ts";
import { TARGET_HERE } from "../../packages/packaging/src/target.ts";
import { makeArchives, VERSION } from "../system/install/archives.ts";
import { containerRuntime } from "./container-runtime.ts";
import type { KubernetesNode } from "./kubernetes-node.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const RELEASE = { version: VERSION, epochS: 1_767_225_600 };

/** Replaces the folder. */
export async function daemonSetImage(folder: string): Promise<DaemonSetFiles> {
  const { work, programs, target, nodePackage } = prepare(folder, "enter-node", "daemonset.mjs");
  await makeArchives();
  const archive = `dist/test-install/good/ocir-broker-${VERSION}-linux-${target.debArchitecture}.tar.gz`;
  copyFileSync(join(nodePackage, "bin/node"), join(programs, "node"));
  copyFileSync(libraryPath(target, LIBATOMIC), join(programs, LIBATOMIC));
  const content = { target, archive: join(CHECKOUT, archive), programs: { folder: programs }, bill: "{}" };
  return makeDaemonSetImage(RELEASE, [content], { work, output: folder });
}

/** Of the controller. Replaces the folder. @returns the name of the OCI layout there, and the image's digest */
export async function pullSecretsImage(folder: string): Promise<{ image: string; digest: string }> {
  const { work, programs, target, nodePackage } = prepare(folder);
  copyFileSync(join(nodePackage, "bin/node"), join(programs, "node.stripped"));
  return makePullSecretsImage(RELEASE, [{ target, programs: { folder: programs, nodePackage } }], {
    work,
    output: folder,
  });
}

/** Into the runtime, as if it had been pulled. @param file inside the node */
export async function loadImage({ root }: KubernetesNode, file: string, repository: string, digest: string) {
  await containerRuntime().importImage(root, file, repository, VERSION, digest);
}

/** Replaces the folder by one with these built programs. */
function prepare(folder: string, ...names: readonly string[]) {
  rmSync(folder, { recursive: true, force: true });
  const [work, programs] = [join(folder, "work"), join(folder, "programs")];
  for (const path of [work, programs]) mkdirSync(path, { recursive: true });
  for (const name of names) copyFileSync(join(CHECKOUT, "dist", name), join(programs, name));
  return {
    work,
    programs,
    target: TARGET_HERE,
    nodePackage: join(CHECKOUT, `node_modules/node-linux-${process.arch}`),
  };
}
