/** The image of the controller of pull secrets for this machine's architecture. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { makePullSecretsImage } from "../../packages/packaging/src/pull-secrets-image.ts";
import { prepareImage } from "../system/daemonset/image.ts";
import { VERSION } from "../system/install/archives.ts";

/** Replaces the folder. @returns the name of the OCI layout there, and the image's digest */
export async function makeImage(folder: string): Promise<{ image: string; digest: string }> {
  const { work, programs, target, nodePackage } = prepareImage(folder);
  copyFileSync(join(nodePackage, "bin/node"), join(programs, "node.stripped"));
  copyFileSync(join(import.meta.dirname, "../../dist/libatomic.so.1"), join(programs, "libatomic.so.1"));
  const content = { target, programs, nodePackage };
  return makePullSecretsImage({ version: VERSION, epochS: 1_767_225_600 }, [content], { work, output: folder });
}
