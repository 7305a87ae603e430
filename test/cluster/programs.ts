/**
 * The programs of a real Kubernetes and of containerd, built from the modules in `go/`. Each version is built once and kept
 * in the user's cache folder, because a build takes minutes.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const SOURCE = join(import.meta.dirname, "go");
const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ocir-broker/cluster");

const KUBERNETES = ["kubelet", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;
const CONTAINERD = ["containerd", "containerd-shim-runc-v2", "ctr"] as const;

/** The newest minor version in `go/`. */
export const NEWEST_MINOR = 37;

export interface Program {
  readonly name: string;
  readonly path: string;
}

/** Where the programs are, or will be. */
export function clusterPrograms(minor: number): Program[] {
  return buildsFor(minor).flatMap(programsOf);
}

export function areBuilt(minor: number): boolean {
  return clusterPrograms(minor).every(({ path }) => existsSync(path));
}

/** Builds the missing ones. @throws Error if one cannot be built, or if all together take longer than `limitMs`. */
export function buildPrograms(minor: number, limitMs?: number): void {
  const endsAtMs = limitMs === undefined ? undefined : performance.now() + limitMs;
  for (const build of buildsFor(minor)) make(build, endsAtMs);
}

interface Build {
  readonly modFile: string;
  readonly folder: string;
  readonly module: string;
  readonly names: readonly string[];
  readonly linkerFlags: string;
}

function buildsFor(minor: number): Build[] {
  return [
    buildOf(`kubernetes-1.${minor}.mod`, "k8s.io/kubernetes", KUBERNETES, (version) =>
      // The kubelet's only source of its version, which setup reads.
      [`gitVersion=${version}`, "gitMajor=1", `gitMinor=${minor}`].map(
        (value) => `-X k8s.io/component-base/version.${value}`,
      ),
    ),
    buildOf("containerd.mod", "github.com/containerd/containerd/v2", CONTAINERD, () => []),
  ];
}

function buildOf(
  modFile: string,
  module: string,
  names: readonly string[],
  variables: (version: string) => string[],
): Build {
  const text = readFileSync(join(SOURCE, modFile), "utf8");
  const version = new RegExp(`${module} (v\\S+)`).exec(text)?.[1];
  if (version === undefined) throw new Error(`${modFile} does not require ${module}`);
  const linkerFlags = ["-s", "-w", ...variables(version)].join(" ");
  const key = createHash("sha256").update(text).update(linkerFlags).digest("hex").slice(0, 12);
  const folder = join(CACHE, `${modFile.replace(/\.mod$/, "")}-${version}-${key}`);
  return { modFile, folder, linkerFlags, module, names };
}

function programsOf({ folder, names }: Build): Program[] {
  return names.map((name) => ({ name, path: join(folder, name) }));
}

/** Builds the missing programs one at a time, to show the progress. */
function make(build: Build, endsAtMs: number | undefined): void {
  const { modFile, folder, module, linkerFlags } = build;
  const unfinished = `${folder}.${process.pid}`;
  for (const path of [folder, unfinished]) mkdirSync(path, { recursive: true });
  try {
    for (const { name, path } of programsOf(build)) {
      if (existsSync(path)) continue;
      const source = `${module}/cmd/${name}`;
      const output = join(unfinished, name);
      const startedAtMs = performance.now();
      console.log(`building ${source} (${modFile}) ...`);
      const args = ["build", `-modfile=${modFile}`, "-trimpath", "-ldflags", linkerFlags, "-o", output, source];
      const env = { ...process.env, CGO_ENABLED: "0" };
      const timeout = endsAtMs === undefined ? undefined : Math.max(1, Math.round(endsAtMs - startedAtMs));
      const { status, error } = spawnSync("go", args, {
        cwd: SOURCE,
        env,
        stdio: ["ignore", "ignore", "inherit"],
        ...(timeout !== undefined && { timeout }),
      });
      if (status !== 0) throw new Error(`go build ${source} failed`, { cause: error });
      renameSync(output, path);
      console.log(`  built in ${Math.round((performance.now() - startedAtMs) / 1_000)} s`);
    }
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
