/** The programs of a real Kubernetes and of containerd, built from the modules in `go/`. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildOnce, CACHE } from "../go-build.ts";

const SOURCE = join(import.meta.dirname, "go");

const KUBERNETES = ["kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;
const CONTAINERD = ["containerd", "containerd-shim-runc-v2", "ctr"] as const;

/** The newest minor version in `go/`. */
export const NEWEST_MINOR = 37;

/** Each with its path, where it is or will be, and the arguments of `go build`. */
export function clusterPrograms(minor: number) {
  return [
    ...programsOf(`kubernetes-1.${minor}.mod`, "k8s.io/kubernetes", KUBERNETES, (version) =>
      // The kubelet's only source of its version, which setup reads.
      [`gitVersion=${version}`, "gitMajor=1", `gitMinor=${minor}`].map(
        (value) => `-X k8s.io/component-base/version.${value}`,
      ),
    ),
    ...programsOf("containerd.mod", "github.com/containerd/containerd/v2", CONTAINERD, () => []),
  ];
}

export function areBuilt(minor: number): boolean {
  return clusterPrograms(minor).every(({ path }) => existsSync(path));
}

/** Builds the missing ones. @throws BuildError if one cannot be built, or not in time */
export function buildPrograms(minor: number, endsAtMs?: number): void {
  for (const { path, args } of clusterPrograms(minor)) buildOnce({ path, folder: SOURCE, args, endsAtMs });
}

function programsOf(
  modFile: string,
  module: string,
  names: readonly string[],
  variables: (version: string) => string[],
) {
  const text = readFileSync(join(SOURCE, modFile), "utf8");
  const version = new RegExp(`${module} (v\\S+)`).exec(text)?.[1];
  if (version === undefined) throw new Error(`${modFile} does not require ${module}`);
  const linkerFlags = ["-s", "-w", ...variables(version)].join(" ");
  const key = createHash("sha256").update(text).update(linkerFlags).digest("hex").slice(0, 12);
  const folder = join(CACHE, "cluster", `${modFile.replace(/\.mod$/, "")}-${version}-${key}`);
  return names.map((name) => ({
    name,
    path: join(folder, name),
    args: [`-modfile=${modFile}`, "-ldflags", linkerFlags, `${module}/cmd/${name}`],
  }));
}
