/** Pulls an image from the simulated registry with a plugin's response, as a container runtime does: the manifest, then the layer. */

export interface Source {
  readonly registryUrl: URL;
  readonly repository: string;
  /** Of the user BEARER_TOKEN. */
  readonly password: string;
}

const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";

/** @returns what the registry said if it refused the pull. */
export async function pull({ registryUrl, repository, password }: Source): Promise<string | undefined> {
  const get = (path: string) =>
    fetch(new URL(`/v2/${repository}/${path}`, registryUrl), {
      headers: { authorization: `Bearer ${password}`, accept: MANIFEST_TYPE },
    });
  const manifest = await get("manifests/latest");
  if (manifest.status !== 200) return `status ${manifest.status}: ${await messageIn(manifest)}`;
  const { layers } = (await manifest.json()) as { layers: readonly [{ digest: string }] };
  const layer = await get(`blobs/${layers[0].digest}`);
  return layer.status === 200 ? undefined : `status ${layer.status}: ${await messageIn(layer)}`;
}

async function messageIn(response: Response): Promise<string> {
  const { errors } = (await response.json()) as { errors: readonly [{ message: string }] };
  return errors[0].message;
}
