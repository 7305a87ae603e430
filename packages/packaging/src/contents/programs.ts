/** Builds the programs of one target, the C ones with the Makefile and the executable with the bundler. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { finished } from "../finished.ts";
import { CHECKOUT } from "../release.ts";
import type { Target } from "../target.ts";
import { LIBATOMIC, libraryPath } from "./libraries.ts";
import { nodePackage } from "./node-package.ts";

export const STATIC_PROGRAMS = ["credential-provider-oke", "docker-credential-ocir", "ocir-broker-launch"] as const;

/**
 * In the DaemonSet's image, Node starts in the node's mount namespace, in which `$ORIGIN` has no meaning: enter-node keeps the
 * image's root open as this descriptor.
 */
const LIBRARIES_OF_IMAGE = "/proc/self/fd/100/ocir-broker";

export interface BuiltPrograms {
  /**
   * Holds the static programs, `ocir-broker` with `libatomic.so.1`, the DaemonSet's `node` and `daemonset.mjs`, the pull-secrets
   * image's `node.stripped`, and esbuild's metafiles.
   */
  readonly folder: string;
  /** The npm package whose Node is inside. */
  readonly nodePackage: string;
}

export async function buildPrograms(target: Target, folder: string): Promise<BuiltPrograms> {
  const fromNpm = await nodePackage(target, join(folder, "node-from-npm"));
  const variables = [`DIST=${folder}`, `BUILD=${join(folder, "make")}`, `CC=${target.compiler}`];
  await finished("make", ["--silent", "-C", join(CHECKOUT, "packages/native"), "install", ...variables]);
  cpSync(libraryPath(target, LIBATOMIC), join(folder, LIBATOMIC));
  await finished(process.execPath, [
    join(CHECKOUT, "packages/cli/build.ts"),
    ...["--folder", folder, "--architecture", target.nodeArchitecture, "--node-package", fromNpm],
    ...["--strip", `${target.machine}-linux-gnu-strip`, "--emulator", target.emulator],
  ]);
  await finished(process.execPath, [join(CHECKOUT, "packages/daemonset/build.ts"), folder]);
  const [node, stripped] = [join(folder, "node"), join(folder, "node.stripped")];
  await finished("patchelf", ["--set-rpath", LIBRARIES_OF_IMAGE, "--output", node, stripped]);
  return { folder, nodePackage: fromNpm };
}
