/** The .deb and the .rpm, which nfpm/nfpm.yaml describes. nfpm comes from the Go module proxy; nfpm/go.sum pins it. */
import { join, resolve } from "node:path";
import { finished } from "../finished.ts";
import type { Release } from "../release.ts";
import type { Target } from "../target.ts";

const NFPM = join(import.meta.dirname, "../../nfpm");
/** The Go that compiles nfpm: its library compresses the packages. An older or newer Go downloads this one. */
const GO = "go1.26.8";

/** @returns the path of the program, in `folder`. */
export async function buildNfpm(folder: string): Promise<string> {
  const program = resolve(folder, "nfpm");
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly", GOTOOLCHAIN: GO };
  const args = ["build", "-trimpath", "-o", program, "github.com/goreleaser/nfpm/v2/cmd/nfpm"];
  await finished("go", args, { cwd: NFPM, env });
  return program;
}

/** @param tree the folder of the archive. Writes both packages into `output`. */
export async function makeLinuxPackages(
  nfpm: string,
  target: Target,
  release: Release,
  { tree, output }: { tree: string; output: string },
): Promise<void> {
  const env = {
    ...process.env,
    VERSION: release.version,
    ARCH: target.debArchitecture,
    TREE: tree,
    SOURCE_DATE_EPOCH: String(release.epochS),
  };
  // nfpm takes a file's own time.
  await finished("find", [tree, "-exec", "touch", "--date", `@${release.epochS}`, "{}", "+"]);
  for (const packager of ["deb", "rpm"])
    await finished(nfpm, ["package", "--packager", packager, "--target", output], { cwd: NFPM, env });
}
