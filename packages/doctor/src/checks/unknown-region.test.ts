import { expect, it } from "vitest";
import type { CheckContext } from "../check-context.ts";
import { unknownRegionIn } from "./unknown-region.ts";

/** A region that is newer than this release. */
const NEW = { id: "xx-new-1", key: "xnw", realmKey: "oc1", realmDomain: "oraclecloud.com" };

it.each([
  ["the node's own region by its key", "xnw.ocir.io", NEW, undefined],
  ["the node's own region by its id", "ocir.xx-new-1.oci.oraclecloud.com", NEW, undefined],
  ["a known region", "iad.ocir.io", NEW, undefined],
  ["a region that does not exist", "xyz.ocir.io", NEW, "xyz"],
  ["any unknown region while the node's own is not known", "xnw.ocir.io", undefined, "xnw"],
  ["no region", "mirror.example", NEW, undefined],
])("unknownRegionIn finds %s", async (_what, registryHost, home, expected) => {
  const region = () => (home === undefined ? Promise.reject(new Error("unknown")) : Promise.resolve(home));
  const cloud = { region } as Partial<CheckContext["cloud"]> as CheckContext["cloud"];
  expect(await unknownRegionIn(registryHost, { cloud })).toBe(expected);
});
