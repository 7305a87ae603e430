/**
 * Pulls an image from the simulated registry, as a container runtime does with the plugin's response: by skopeo or podman if one of
 * them is installed and works here, otherwise by our own two requests, for the manifest and for the layer.
 */
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

export interface Pull {
  /** The program, or the requests. */
  readonly by: string;
  /** Undefined if the image was pulled; otherwise what the registry or the program said, on one line. */
  readonly refusal: string | undefined;
}

export interface Source {
  readonly registryUrl: URL;
  readonly repository: string;
  /** Of the user BEARER_TOKEN. */
  readonly password: string;
  /** An empty folder for the image and the programs' files. */
  readonly directory: string;
}

interface Program {
  readonly name: "skopeo" | "podman";
  args(image: string, authFile: string, directory: string): readonly string[];
}

const PROGRAMS: readonly Program[] = [
  {
    name: "skopeo",
    args: (image, authFile, directory) => [
      ...["--insecure-policy", "copy", "--src-tls-verify=false", "--authfile", authFile],
      ...[`docker://${image}`, `dir:${join(directory, "image")}`],
    ],
  },
  {
    name: "podman",
    args: (image, authFile, directory) => [
      ...["--root", join(directory, "storage"), "--runroot", join(directory, "run"), "--storage-driver=vfs"],
      ...["pull", "--quiet", "--tls-verify=false", "--authfile", authFile, image],
    ],
  },
];

const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";

/** By the first way that works, which should be tried on an image that this identity may read. */
export async function findWayToPull(source: Source): Promise<(source: Source) => Promise<Pull>> {
  for (const program of PROGRAMS) {
    if (spawnSync(program.name, ["--version"]).status !== 0) continue;
    const { refusal } = await pullBy(program, source);
    if (refusal === undefined) return (from) => pullBy(program, from);
  }
  return pullByRequests;
}

async function pullBy(
  { name, args }: Program,
  { registryUrl, repository, password, directory }: Source,
): Promise<Pull> {
  const authFile = join(directory, "auth.json");
  const auth = Buffer.from(`BEARER_TOKEN:${password}`).toString("base64");
  writeFileSync(authFile, JSON.stringify({ auths: { [registryUrl.host]: { auth } } }), { mode: 0o600 });
  const image = `${registryUrl.host}/${repository}:latest`;
  const child = spawn(name, args(image, authFile, directory), { stdio: ["ignore", "ignore", "pipe"] });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on("exit", resolve);
  const [said, exitCode] = await Promise.all([text(child.stderr), promise]);
  return { by: name, refusal: exitCode === 0 ? undefined : wordsOf(said) };
}

/** Of the last line, without skopeo's time and level. */
function wordsOf(said: string): string {
  const line = said.trim().split("\n").at(-1) ?? "";
  return /msg="(.*)"$/.exec(line)?.[1] ?? line;
}

async function pullByRequests({ registryUrl, repository, password }: Source): Promise<Pull> {
  const get = (path: string) =>
    fetch(new URL(`/v2/${repository}/${path}`, registryUrl), {
      headers: { authorization: `Bearer ${password}`, accept: MANIFEST_TYPE },
    });
  const by = "two requests";
  const manifest = await get("manifests/latest");
  if (manifest.status !== 200) return { by, refusal: `status ${manifest.status}: ${await messageIn(manifest)}` };
  const { layers } = (await manifest.json()) as { layers: readonly [{ digest: string }] };
  const layer = await get(`blobs/${layers[0].digest}`);
  return { by, refusal: layer.status === 200 ? undefined : `status ${layer.status}: ${await messageIn(layer)}` };
}

async function messageIn(response: Response): Promise<string> {
  const { errors } = (await response.json()) as { errors: readonly [{ message: string }] };
  return errors[0].message;
}
