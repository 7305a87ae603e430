import { IdentityError } from "../identity-error.ts";
import type { RegionInfo } from "../region-info.ts";
import type { Profile } from "./profile.ts";

/** @throws {IdentityError} `oci-config-incomplete`, `oci-region-unknown` */
export async function regionOf(profile: Profile): Promise<RegionInfo> {
  return regionNamed(profile.get("region"), profile.placeOf("region"));
}

/** @throws {IdentityError} `oci-region-unknown` */
export async function regionNamed(name: string, place: string): Promise<RegionInfo> {
  const { findRegionByName } = await import("../oci-sdk/oci-sdk.ts");
  const region = findRegionByName(name.toLowerCase());
  if (region === undefined) throw new IdentityError("oci-region-unknown", place);
  return region;
}
