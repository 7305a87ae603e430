/** Compares the table of region keys with that of Oracle's SDK, which the package kubelet-config does not load. */

import { Region } from "oci-common";
import { expect, it } from "vitest";
import { REGION_KEYS } from "../packages/kubelet-config/src/matching/region-keys.ts";

it("REGION_KEYS contains the commercial regions of oci-common", () => {
  const theirs = Region.values().filter(({ realm }) => realm.realmId === "oc1");
  expect([...REGION_KEYS].toSorted()).toEqual(
    theirs.map(({ regionId, regionCode }) => [regionId, regionCode]).toSorted(),
  );
});
