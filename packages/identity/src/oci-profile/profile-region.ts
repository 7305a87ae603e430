/** The region that a profile names. */
import { IdentityError } from "../identity-error.ts";
import type { RegionInfo } from "../region-info.ts";
import type { Profile } from "./profile.ts";

/** @throws {IdentityError} `oci-config-incomplete`, `oci-region-unknown` */
export async function regionOf(profile: Profile): Promise<RegionInfo> {
  const name = profile.get("region").toLowerCase();
  const { findRegionByName } = await import("../oci-sdk/oci-sdk.ts");
  const region = findRegionByName(name);
  if (region === undefined) throw new IdentityError("oci-region-unknown", profile.placeOf("region"));
  return region;
}
