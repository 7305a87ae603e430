import { createSendRequest } from "@ocir-broker/foundation";
import { createImpatientClock, createMetadataServiceDouble, startMswServer } from "@ocir-broker/testkit";
import { HttpResponse, http, type RequestHandler } from "msw";
import { Realm } from "oci-common";
import { Agent } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { knownRealmDomains } from "../realm-domains.ts";
import type { RegionInfo } from "../region-info.ts";
import { createMetadataService } from "./metadata-service.ts";
import { fetchRegion } from "./region.ts";

const ASHBURN = { id: "us-ashburn-1", key: "iad", realmKey: "oc1", realmDomain: "oraclecloud.com" };

async function regionWith(...handlers: RequestHandler[]): Promise<{ region: Promise<RegionInfo>; targets: string[] }> {
  const server = await startMswServer(...handlers, ...createMetadataServiceDouble().handlers);
  const dispatcher = new Agent();
  onTestFinished(async () => {
    await server.close();
    await dispatcher.destroy();
  });
  const clock = createImpatientClock();
  const metadata = createMetadataService({
    clock,
    random: () => 0,
    send: createSendRequest({ dispatcher, clock, totalMs: 10_000 }),
    baseUrls: [new URL("/opc/v2", server.baseUrl)],
  });
  const region = fetchRegion(metadata, new AbortController().signal);
  await Promise.allSettled([region]);
  return { region, targets: server.requests.map(({ target }) => target) };
}

test("fetchRegion reads regionInfo, in one request", async () => {
  const { region, targets } = await regionWith();

  await expect(region).resolves.toEqual(ASHBURN);
  expect(targets).toEqual(["/opc/v2/instance/regionInfo"]);
});

test("fetchRegion knows a region and a realm that are newer than any table", async () => {
  const info = {
    realmKey: "oc77",
    realmDomainComponent: "oraclecloud77.com",
    regionKey: "XYZ",
    regionIdentifier: "mars-olympus-1",
  };
  const { region } = await regionWith(http.get("*/instance/regionInfo", () => HttpResponse.json(info)));

  await expect(region).resolves.toEqual({
    id: "mars-olympus-1",
    key: "xyz",
    realmKey: "oc77",
    realmDomain: "oraclecloud77.com",
  });
});

const NO_REGION_INFO = http.get("*/instance/regionInfo", () => new HttpResponse("not found", { status: 404 }));

test.each([
  ["iad", ASHBURN],
  ["phx\n", { id: "us-phoenix-1", key: "phx", realmKey: "oc1", realmDomain: "oraclecloud.com" }],
  ["us-ashburn-1", ASHBURN],
  ["eu-madrid-2", { id: "eu-madrid-2", key: "vll", realmKey: "oc19", realmDomain: "oraclecloud.eu" }],
])("fetchRegion looks up %j where there is no regionInfo", async (text, expected) => {
  const { region, targets } = await regionWith(
    NO_REGION_INFO,
    http.get("*/instance/region", () => HttpResponse.text(text)),
  );

  await expect(region).resolves.toEqual(expected);
  expect(targets).toEqual(["/opc/v2/instance/regionInfo", "/opc/v2/instance/region"]);
});

test.each([
  ["a web page", "<html>maintenance</html>"],
  ["JSON of another shape", '{"region":"iad"}'],
  ["a region that is no host name", JSON.stringify({ ...infoOf("us-ashburn-1"), regionIdentifier: "a/b" })],
  [
    "a realm domain that is no domain",
    JSON.stringify({ ...infoOf("us-ashburn-1"), realmDomainComponent: "evil.com/?" }),
  ],
])("fetchRegion does not take %s for regionInfo", async (_, text) => {
  const { region, targets } = await regionWith(http.get("*/instance/regionInfo", () => HttpResponse.text(text)));

  await expect(region).resolves.toEqual(ASHBURN);
  expect(targets).toEqual(["/opc/v2/instance/regionInfo", "/opc/v2/instance/region"]);
});

test.each([
  ["metadata-invalid", "<html>429</html>", true],
  ["region-unknown", "mars-olympus-1", false],
  ["region-unknown", "prototype", false],
])("fetchRegion reports %s for a region named %j", async (code, text, retryable) => {
  const { region } = await regionWith(
    NO_REGION_INFO,
    http.get("*/instance/region", () => HttpResponse.text(text)),
  );

  await expect(region).rejects.toMatchObject({ code, retryable });
});

test("fetchRegion takes no throttled answer for a region", async () => {
  const { region, targets } = await regionWith(
    http.get("*/opc/v2/*", () => HttpResponse.html("iad", { status: 429, headers: { "Retry-After": "60" } })),
  );

  await expect(region).rejects.toMatchObject({ code: "metadata-throttled", retryAfterMs: 60_000 });
  expect(targets).toHaveLength(1);
});

test("knownRealmDomains are those of oci-common", async () => {
  const theirs = new Set(Realm.values().map(({ secondLevelDomain }) => secondLevelDomain));

  expect(new Set(knownRealmDomains())).toEqual(theirs);
});

function infoOf(regionIdentifier: string): Record<string, string> {
  return { realmKey: "oc1", realmDomainComponent: "oraclecloud.com", regionKey: "IAD", regionIdentifier };
}
