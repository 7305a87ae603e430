import { Realm } from "oci-common";
import { expect, test } from "vitest";
import { IdentityError } from "../identity-error.ts";
import { REALM_DOMAINS } from "../realm-domains.ts";
import type { MetadataService } from "./metadata-service.ts";
import { fetchRegion } from "./region.ts";

const ASHBURN = { id: "us-ashburn-1", key: "iad", realmKey: "oc1", realmDomain: "oraclecloud.com" };

const INFO = {
  realmKey: "oc1",
  realmDomainComponent: "oraclecloud.com",
  regionKey: "IAD",
  regionIdentifier: "us-ashburn-1",
};

/** Asks a metadata service that answers with these texts; without one, with 404. */
function regionWith(texts: { readonly regionInfo?: string; readonly region?: string }) {
  const asked: string[] = [];
  const read = async ([path]: readonly string[]) => {
    const name = String(path).replace("/instance/", "") as keyof typeof texts;
    asked.push(name);
    const text = texts[name];
    if (text === undefined) throw new IdentityError("metadata-not-found", "metadata.test");
    return [{ text, host: "metadata.test", serverDateMs: undefined }];
  };
  const region = fetchRegion({ read } as MetadataService, new AbortController().signal);
  return { region, asked };
}

const NEWEST_INFO = { realmDomainComponent: "oraclecloud77.com", regionKey: "XYZ", regionIdentifier: "mars-olympus-1" };
const NEWEST = { id: "mars-olympus-1", key: "xyz", realmKey: "oc77", realmDomain: "oraclecloud77.com" };

test.each([
  ["a region", INFO, ASHBURN],
  ["a region and a realm that are newer than every table", { realmKey: "oc77", ...NEWEST_INFO }, NEWEST],
])("fetchRegion reads %s from regionInfo in one request", async (_, info, expected) => {
  const { region, asked } = regionWith({ regionInfo: JSON.stringify(info) });

  await expect(region).resolves.toEqual(expected);
  expect(asked).toEqual(["regionInfo"]);
});

test.each([
  ["iad", ASHBURN],
  ["phx\n", { id: "us-phoenix-1", key: "phx", realmKey: "oc1", realmDomain: "oraclecloud.com" }],
  ["us-ashburn-1", ASHBURN],
  ["eu-madrid-2", { id: "eu-madrid-2", key: "vll", realmKey: "oc19", realmDomain: "oraclecloud.eu" }],
])("fetchRegion looks up %j if there is no regionInfo", async (name, expected) => {
  const { region, asked } = regionWith({ region: name });

  await expect(region).resolves.toEqual(expected);
  expect(asked).toEqual(["regionInfo", "region"]);
});

test.each([
  ["a web page", "<html>maintenance</html>"],
  ["JSON of another shape", '{"region":"iad"}'],
  ["a region that is not a host name", JSON.stringify({ ...INFO, regionIdentifier: "a/b" })],
  ["an invalid realm domain", JSON.stringify({ ...INFO, realmDomainComponent: "evil.com/?" })],
])("fetchRegion does not accept %s as regionInfo", async (_, regionInfo) => {
  await expect(regionWith({ regionInfo, region: "iad" }).region).resolves.toEqual(ASHBURN);
});

test.each([
  ["metadata-invalid", "<html>429</html>", true],
  ["region-unknown", "mars-olympus-1", false],
  ["region-unknown", "prototype", false],
])("fetchRegion reports %s for a region named %j", async (code, name, retryable) => {
  await expect(regionWith({ region: name }).region).rejects.toMatchObject({ code, retryable });
});

test("fetchRegion rethrows errors of the metadata service's client", async () => {
  const read = () => Promise.reject(new IdentityError("metadata-throttled", "metadata.test"));

  await expect(fetchRegion({ read }, new AbortController().signal)).rejects.toMatchObject({
    code: "metadata-throttled",
  });
});

test("REALM_DOMAINS contains the realm domains of oci-common, and that of oc17", async () => {
  const theirs = new Set(Realm.values().map(({ secondLevelDomain }) => secondLevelDomain));

  expect(new Set(REALM_DOMAINS)).toEqual(theirs.add("oraclecloud17.com"));
});
