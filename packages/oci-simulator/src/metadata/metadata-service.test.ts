import { createPrivateKey, X509Certificate } from "node:crypto";
import { createFakeClock } from "@ocir-broker/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { type Simulator, startSimulator } from "../index.ts";

let simulator: Simulator;
let elsewhere: Simulator;

beforeAll(async () => {
  const region = { id: "eu-jovanovac-1", key: "BEG", realmKey: "oc20", realmDomain: "oraclecloud20.com" };
  [simulator, elsewhere] = await Promise.all([
    startSimulator(),
    startSimulator({ region, metadata: "[::1]:0", instanceMetadata: { "kubelet-extra-args": "--v=4" } }),
  ]);
});

afterAll(() => Promise.all([simulator.close(), elsewhere.close()]));

const authorization = "Bearer Oracle";
const get = (path: string, headers: Record<string, string | undefined> = {}, from = simulator) =>
  send(from.metadataUrl, { target: `/opc/v2${path}`, headers: { authorization, ...headers } });

describe("the metadata service answers", () => {
  test("/instance/regionInfo", async () => {
    const { status, headers, json } = await get("/instance/regionInfo");
    expect([status, headers["content-type"]]).toEqual([200, "application/json"]);
    expect(json).toEqual({
      realmDomainComponent: "oraclecloud.com",
      realmKey: "oc1",
      regionIdentifier: "us-ashburn-1",
      regionKey: "IAD",
    });
  });

  test.each([
    ["/instance/region", "iad", "eu-jovanovac-1"],
    ["/instance/canonicalRegionName", "us-ashburn-1", "eu-jovanovac-1"],
    ["/instance/regionInfo/regionKey", "IAD", "BEG"],
    ["/instance/metadata/apiserver_host", "10.0.0.10", "10.0.0.10"],
    ["/instance/region/", "iad", "eu-jovanovac-1"],
  ])("%s with %s, and with %s in a newer region over IPv6", async (path, here, there) => {
    const { text, headers } = await get(path);
    expect([text, headers["content-type"]]).toEqual([here, "text/plain"]);
    expect((await get(path, {}, elsewhere)).text).toBe(there);
  });

  test("/instance/id and /instance/ with the same OCID", async () => {
    const { json } = await get("/instance/");
    expect(json.id).toBe(simulator.instance.instanceId);
    expect((await get("/instance/id")).text).toBe(json.id);
    expect(json.metadata.user_data).toBeDefined();
    expect((await get("/instance/id", {}, elsewhere)).text).toMatch(/^ocid1\.instance\.oc20\.eu-jovanovac-1\./);
  });

  test("/instance/metadata with keys of this instance", async () => {
    expect((await get("/instance/metadata/kubelet-extra-args", {}, elsewhere)).text).toBe("--v=4");
    expect((await get("/instance/metadata/kubelet-extra-args")).status).toBe(404);
  });

  test("/identity with a certificate in Oracle's form, its key, and its issuer", async () => {
    const [leafPem, keyPem, intermediatePem] = (await Promise.all(
      ["cert.pem", "key.pem", "intermediate.pem"].map(async (name) => (await get(`/identity/${name}`)).text),
    )) as [string, string, string];
    const leaf = new X509Certificate(leafPem);
    const { instanceId, compartmentId, tenancyId } = simulator.instance;
    expect(leaf.subject.split("\n")).toEqual([
      `CN=${instanceId}`,
      "OU=opc-certtype:instance",
      `OU=opc-compartment:${compartmentId}`,
      `OU=opc-instance:${instanceId}`,
      `OU=opc-tenant:${tenancyId}`,
    ]);
    expect(keyPem).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
    expect(leaf.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
    expect(leaf.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2_048);
    expect(leaf.checkIssued(new X509Certificate(intermediatePem))).toBe(true);
  });

  test("HEAD, HTTP/1.0 and absolute-form requests", async () => {
    const headers = { authorization };
    const target = "/opc/v2/instance/region";
    const head = await send(simulator.metadataUrl, { method: "HEAD", target, headers });
    expect([head.status, head.headers["content-length"], head.text]).toEqual([200, "3", ""]);
    expect((await send(simulator.metadataUrl, { version: "1.0", target, headers })).text).toBe("iad");
    expect((await send(simulator.metadataUrl, { target: `http://169.254.169.254${target}`, headers })).text).toBe(
      "iad",
    );
    expect((await send(simulator.metadataUrl, { target: "http://169.254.169.254?x", headers })).status).toBe(404);
  });
});

describe("the metadata service refuses", () => {
  test.each([
    ["no Authorization", "/instance/region", { authorization: undefined }, 401],
    ["another Authorization", "/instance/region", { authorization: "Bearer oracle" }, 403],
    ["Forwarded", "/instance/region", { forwarded: "for=10.0.0.1" }, 403],
    ["X-Forwarded-For", "/instance/region", { "x-forwarded-for": "10.0.0.1" }, 403],
    ["X-Forwarded-Host", "/instance/region", { "x-forwarded-host": "x" }, 403],
    ["paths that are not there", "/instance/nothing", {}, 404],
    ["paths below a value", "/instance/region/x", {}, 404],
    ["paths named like a method of objects", "/instance/constructor", {}, 404],
    ["other identity documents", "/identity/other.pem", {}, 404],
    ["other trees", "/vnics", {}, 404],
    ["no path", "", {}, 404],
  ])("%s", async (_, path, headers, status) => {
    expect((await get(path, headers)).status).toBe(status);
  });

  test("version 1, other methods, and an Authorization sent twice", async () => {
    const target = "/opc/v1/instance/region";
    expect((await send(simulator.metadataUrl, { target, headers: { authorization } })).status).toBe(404);
    const url = simulator.metadataUrl;
    expect(
      (await send(url, { method: "PUT", target: "/opc/v2/instance/region", headers: { authorization } })).status,
    ).toBe(405);
    const twice = { authorization: [authorization, authorization] };
    expect((await send(url, { target: "/opc/v2/instance/region", headers: twice })).status).toBe(400);
  });

  test("requests above the limit, with 429 and a page in HTML, until time has passed", async () => {
    const clock = createFakeClock();
    const limited = await startSimulator({ clock, metadataLimit: 5 });
    const statuses = async () => {
      const answers = await Promise.all(Array.from({ length: 7 }, () => get("/instance/region", {}, limited)));
      return answers.map(({ status }) => status).sort();
    };
    expect(await statuses()).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const { headers, text } = await get("/instance/region", {}, limited);
    expect(headers["content-type"]).toMatch(/^text\/html/);
    expect(text).toContain("Too Many Requests");
    await clock.advance(400);
    expect((await statuses()).filter((status) => status === 200)).toHaveLength(2);
    await limited.close();
  });
});
