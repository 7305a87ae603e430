/**
 * Finds the instance's region. The metadata service's regionInfo is complete, also for a region or realm newer than any table;
 * oci-common's table is only used if the service has no regionInfo.
 */

import { parseJson } from "@ocir-broker/foundation/parse-json";
import * as z from "zod";
import type { IdentityErrorCode } from "../error-codes.ts";
import { IdentityError } from "../identity-error.ts";
import type { RegionInfo } from "../region-info.ts";
import type { MetadataService } from "./metadata-service.ts";

const label = z
  .string()
  .toLowerCase()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);

const domain = z
  .string()
  .toLowerCase()
  .max(253)
  .regex(/^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/);

const regionInfo = z
  .object({ regionIdentifier: label, regionKey: label, realmKey: label, realmDomainComponent: domain })
  .transform(
    (info): RegionInfo => ({
      id: info.regionIdentifier,
      key: info.regionKey,
      realmKey: info.realmKey,
      realmDomain: info.realmDomainComponent,
    }),
  );

const ABSENT: ReadonlySet<IdentityErrorCode> = new Set(["metadata-invalid", "metadata-not-found"]);

/** @throws {IdentityError} `region-unknown`, or what MetadataService throws. */
export async function fetchRegion(metadata: MetadataService, signal: AbortSignal): Promise<RegionInfo> {
  try {
    const [{ text, host }] = await metadata.read(["/instance/regionInfo"], signal);
    return decodeRegionInfo(text, host);
  } catch (error) {
    if (!(error instanceof IdentityError && ABSENT.has(error.code))) throw error;
  }
  const [{ text, host }] = await metadata.read(["/instance/region"], signal);
  return findRegion(text, host);
}

function decodeRegionInfo(text: string, host: string): RegionInfo {
  const { success, data } = regionInfo.safeParse(parseJson(text));
  if (!success) throw new IdentityError("metadata-invalid", host);
  return data;
}

/** `/instance/region` returns `iad` and `phx` in the two oldest regions, and the region's id everywhere else. */
async function findRegion(text: string, host: string): Promise<RegionInfo> {
  const { success, data: name } = label.safeParse(text.trim());
  if (!success) throw new IdentityError("metadata-invalid", host);
  const { findRegionByName } = await import("../oci-sdk/oci-sdk.ts");
  const region = findRegionByName(name);
  if (region === undefined) throw new IdentityError("region-unknown", host);
  return region;
}
