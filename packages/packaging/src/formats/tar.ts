/** Packs a folder the same way on any machine: sorted, owned by root, of one time, with modes that no umask changes. */
import { finished } from "../finished.ts";
import type { Release } from "../release.ts";

const SAME = ["--sort=name", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"];

/** Packs what `name` is in `folder`; compressed unless the tarball's name ends with .tar. */
export async function makeTar({ epochS }: Release, folder: string, name: string, tarball: string): Promise<void> {
  const compression = tarball.endsWith(".tar") ? [] : ["--use-compress-program=gzip -6n"];
  await finished("tar", [...SAME, `--mtime=@${epochS}`, ...compression, "-C", folder, "-cf", tarball, name]);
}
