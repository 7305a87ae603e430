/** Packs a folder the same way on any machine: sorted, owned by root. */
import { finished } from "../finished.ts";

const SAME = ["--sort=name", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner"];

/** Packs what `name` is in `folder`; compressed unless the tarball's name ends with .tar. */
export async function makeTar(folder: string, name: string, tarball: string): Promise<void> {
  const compression = tarball.endsWith(".tar") ? [] : ["--use-compress-program=gzip -9n"];
  await finished("tar", [...SAME, ...compression, "-C", folder, "-cf", tarball, name]);
}
