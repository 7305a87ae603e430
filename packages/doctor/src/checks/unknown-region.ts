/** Whether the image's registry host names a region that does not exist, as far as this release knows. */
import { regionNameIn } from "@ocir-broker/ocir/host-rules";
import type { CheckContext } from "../check-context.ts";

/** @returns the region in the host; undefined for a known one, the node's own, and a host in another form. */
export async function unknownRegionIn(
  registryHost: string,
  { cloud }: Pick<CheckContext, "cloud">,
): Promise<string | undefined> {
  const name = regionNameIn(registryHost);
  if (name === undefined) return undefined;
  const home = await cloud.region().catch(() => undefined);
  if (name === home?.id || name === home?.key) return undefined;
  const { findRegionByName } = await import("@ocir-broker/identity/oci-sdk/oci-sdk");
  return findRegionByName(name) === undefined ? name : undefined;
}
