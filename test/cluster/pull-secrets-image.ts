/** The image of the controller of pull secrets for this machine's architecture. */
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makePullSecretsImage } from "../../packages/packaging/src/pull-secrets-image.ts";
import { TARGETS, type Target } from "../../packages/packaging/src/target.ts";
import { VERSION } from "../system/install/archives.ts";

const CHECKOUT = join(import.meta.dirname, "../..");

/** Replaces the folder. @returns the name of the OCI layout there, and the image's digest */
export async function makeImage(folder: string): Promise<{ image: string; digest: string }> {
  rmSync(folder, { recursive: true, force: true });
  const [work, programs] = [join(folder, "work"), join(folder, "programs")];
  for (const path of [work, programs]) mkdirSync(path, { recursive: true });
  const target = TARGETS.find(({ nodeArchitecture }) => nodeArchitecture === process.arch) as Target;
  const nodePackage = join(CHECKOUT, `node_modules/node-linux-${process.arch}`);
  copyFileSync(join(nodePackage, "bin/node"), join(programs, "node.stripped"));
  copyFileSync(join(CHECKOUT, "dist/libatomic.so.1"), join(programs, "libatomic.so.1"));
  const content = { target, programs, nodePackage };
  return makePullSecretsImage({ version: VERSION, epochS: 1_767_225_600 }, [content], { work, output: folder });
}
