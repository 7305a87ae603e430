/**
 * A stage with a real registry: Debian's docker-registry, which accepts the simulator's tokens, and a node whose root has
 * docker-credential-ocir in the PATH and in the clients' configuration. The clients are unmodified.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { onTestFinished } from "vitest";
import {
  BROKER,
  type DaemonOptions,
  DOCKER_HELPER,
  daemonConfig,
  SHIM,
  spawnServer,
  startDaemon,
  untilSaid,
} from "./daemon.ts";
import { writeImageLayout } from "./image-layout.ts";
import { runProgram } from "./run-program.ts";

const PROGRAMS = [
  ["ocir-broker", BROKER],
  ["credential-provider-oke", SHIM],
  ["docker-credential-ocir", DOCKER_HELPER],
] as const;

export type RealRegistryStage = Awaited<ReturnType<typeof setRealRegistryStage>>;

/** For titles: why tests with these programs cannot run here; empty if they can. */
export function lackOf(...programs: string[]): string {
  const lacking = programs.filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
  return lacking.length === 0 ? "" : ` (skipped: needs ${lacking.join(", ")})`;
}

/** The same for tests that need root. */
export function lackAsRoot(...programs: string[]): string {
  return process.getuid?.() === 0 ? lackOf(...programs) : " (skipped: needs root)";
}

/** Ended when the test ends. The node may also push here. */
export async function setRealRegistryStage(options: Partial<DaemonOptions> = {}) {
  const directory = temporaryFolder();
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  simulator.iam({ writable: true });
  const port = await startRegistry(directory, simulator);
  const registryHost = `127.0.0.1:${port}`;
  const foreignHost = `localhost:${port}`;
  const config = daemonConfig(directory, simulator, { registryHosts: [registryHost], ...options });
  const daemon = await startDaemon(config);
  onTestFinished(() => daemon.stop());

  const programs = join(directory, "bin");
  mkdirSync(programs);
  for (const [name, target] of PROGRAMS) symlinkSync(target, join(programs, name));
  mkdirSync(join(directory, ".docker"));
  const authFile = join(directory, ".docker/config.json");
  writeFileSync(authFile, JSON.stringify({ credHelpers: { [registryHost]: "ocir", [foreignHost]: "ocir" } }));
  const settings = join(directory, ".config/containers");
  mkdirSync(settings, { recursive: true });
  const insecure = [registryHost, foreignHost].map((host) => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`);
  writeFileSync(join(settings, "registries.conf"), insecure.join(""));
  const env: Readonly<Record<string, string>> = {
    PATH: `${programs}:${process.env["PATH"]}`,
    ...homeWithStorage(directory, join(settings, "storage.conf")),
    OCIR_BROKER_SOCKET: config.credentialsSocket,
  };
  const image = writeImageLayout(join(directory, "image"), `From ${directory}\n`);

  /** Runs a program as the node's root does, and returns its stdout. Rejects with its stderr if it fails. */
  const run = (...command: string[]): Promise<string> => runProgram(command, { env, cwd: directory });

  /** Gives the image this name in the registry. @returns the name with the registry's */
  async function push(name: string): Promise<string> {
    await run("skopeo", "copy", `oci:${image.path}:latest`, `docker://${registryHost}/${name}`);
    return `${registryHost}/${name}`;
  }

  return {
    ...{ directory, simulator, config, image, env, run, push },
    /** `127.0.0.1:<port>`, which the broker's configuration names as a registry. */
    registryHost,
    /** The same registry under a name that the broker does not know. */
    foreignHost,
    /** The folder of the shim, under both names, and of the command line. First in the PATH. */
    programs,
    /** With one helper for both names, and nothing else. */
    authFile,
  };
}

/** The environment of skopeo and podman that keep images below the directory. @param path of their new configuration */
export function homeWithStorage(directory: string, path: string) {
  const [graphroot, runroot] = [join(directory, "storage"), join(directory, "run")];
  writeFileSync(path, `[storage]\ndriver = "vfs"\ngraphroot = "${graphroot}"\nrunroot = "${runroot}"\n`);
  return { HOME: directory, XDG_RUNTIME_DIR: directory, CONTAINERS_STORAGE_CONF: path };
}

/** It refers clients to the simulator's token endpoint, and trusts the simulator's key. */
async function startRegistry(directory: string, simulator: Simulator): Promise<number> {
  const rootcertbundle = join(directory, "token-root.pem");
  writeFileSync(rootcertbundle, simulator.tokenRootCertificate);
  const { origin, host } = simulator.registryUrl;
  const token = { realm: `${origin}/20180419/docker/token`, service: host, issuer: "ocir", rootcertbundle };
  const registry = await startDistribution(directory, { auth: { token } });
  onTestFinished(registry.stop);
  return registry.port;
}

type RegistrySettings = Readonly<Partial<Record<"auth" | "http", object>>>;

/** Of Debian's docker-registry. @returns the file's path */
export function writeRegistryConfig(directory: string, { auth, http }: RegistrySettings): string {
  const path = join(directory, "registry.yml");
  const storage = { filesystem: { rootdirectory: join(directory, "registry") } };
  writeFileSync(path, JSON.stringify({ version: "0.1", storage, auth, http: { addr: "127.0.0.1:0", ...http } }));
  return path;
}

/** Debian's docker-registry. */
export async function startDistribution(directory: string, settings: RegistrySettings) {
  const server = spawnServer(["docker-registry", "serve", writeRegistryConfig(directory, settings)], {});
  const [, port] = await untilSaid(server, /listening on 127\.0\.0\.1:(\d+)\D/);
  return { port: Number(port), stop: server.stop };
}
