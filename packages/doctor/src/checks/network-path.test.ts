import type { Network } from "@ocir-broker/node/network";
import { describe, expect, test } from "vitest";
import { contextOf } from "../../test/check-double.ts";
import { findingsOf } from "../check-context.ts";
import { checkRegistryPath, tryPath } from "./network-path.ts";
import { checkProxy } from "./proxy.ts";

const REGION = { id: "us-ashburn-1", key: "iad", realmKey: "oc1", realmDomain: "oraclecloud.com" };
const CLOUD = { region: async () => REGION, isRegistry: async () => true };

/** Gives this outcome, and records each address that it was asked to connect to. */
function networkOf(outcome: string, asked: string[] = []): Network {
  return {
    resolve: async () => ["10.1.2.3", "10.1.2.4"],
    connect: async (address, port) => {
      asked.push(`${address}:${port}`);
      return outcome;
    },
  };
}

test("checkProxy names a broken proxy also if the image's name cannot be read", async () => {
  const cloud = { ...CLOUD, provider: "user" as const };
  const sections = { proxy: { https: "http://proxy.example:3128" } };
  const context = contextOf({ cloud, network: networkOf("ECONNREFUSED"), sections, image: "A B" });
  expect(await findingsOf(checkProxy, context)).toMatchObject([{ name: "proxy-unreachable" }]);
});

describe("tryPath", () => {
  test("connects to the port in the URL, or to the scheme's default port", async () => {
    const asked: string[] = [];
    const context = contextOf({ cloud: CLOUD, network: networkOf("open", asked) });
    for (const url of ["https://a.example", "http://a.example", "https://a.example:8443"]) {
      expect(await tryPath("the registry", new URL(url), context)).toMatchObject({ name: "network-ok" });
    }
    expect(asked).toEqual(["10.1.2.3:443", "10.1.2.3:80", "10.1.2.3:8443"]);
  });

  test.each([
    ["ECONNREFUSED", "tcp-refused"],
    ["timeout", "tcp-timeout"],
    ["ETIMEDOUT", "tcp-timeout"],
    ["EHOSTUNREACH", "network-unreachable"],
  ])("reports %s as %s", async (outcome, name) => {
    const context = contextOf({ cloud: CLOUD, network: networkOf(outcome) });
    const found = await tryPath("the auth service", new URL("https://a.example"), context);
    expect(found).toMatchObject({ name, evidence: expect.stringContaining(`TCP port 443: ${outcome}`) });
    expect(found?.fix).toContain("service gateway");
  });

  test.each([
    ["https://iad.ocir.io", {}, true],
    ["https://iad.ocir.io", { https: "http://proxy.example:3128" }, false],
    ["http://127.0.0.1:5000", { https: "http://proxy.example:3128" }, true],
    ["https://127.0.0.1:5000", { https: "http://proxy.example:3128" }, true],
    ["https://iad.ocir.io", { https: "proxy.example:3128", noProxy: "example.com, .ocir.io" }, true],
    ["https://iad.ocir.io", { https: "proxy.example:3128", noProxy: "iad.ocir.io:443" }, true],
    ["https://iad.ocir.io", { https: "proxy.example:3128", noProxy: "*.ocir.io" }, true],
    ["https://iad.ocir.io", { https: "proxy.example:3128", noProxy: "*" }, true],
    ["https://iad.ocir.io", { https: "proxy.example:3128", noProxy: "d.ocir.io,," }, false],
  ])("connects directly to %s with proxy settings %j: %s", async (url, proxy, isTried) => {
    const asked: string[] = [];
    const context = contextOf({ cloud: CLOUD, network: networkOf("open", asked), sections: { proxy } });
    await tryPath("the registry", new URL(url), context);
    expect(asked.length).toBe(isTried ? 1 : 0);
  });

  test("reports dns-failed for a resolver error without a code", async () => {
    const network = { ...networkOf("open"), resolve: async () => Promise.reject(new Error("no")) };
    const found = await tryPath("the registry", new URL("https://a.example"), contextOf({ cloud: CLOUD, network }));
    expect(found).toMatchObject({ name: "dns-failed", evidence: "a.example: no address" });
  });
});

test.each([
  ["fra.ocir.io/acme/web", true],
  ["ocir.eu-frankfurt-1.oci.oraclecloud.com/acme/web", true],
  ["iad.ocir.io/acme/web", false],
  ["us-ashburn-1.ocir.io/acme/web", false],
  ["ocir.us-ashburn-1.oci.oraclecloud.com/acme/web", false],
])("checkRegistryPath reports that %s is not behind this region's service gateway: %s", async (image, isElsewhere) => {
  const context = contextOf({ cloud: CLOUD, network: networkOf("timeout"), image });
  const [found] = await findingsOf(checkRegistryPath, context);
  expect(found?.name).toBe("tcp-timeout");
  expect(String(found?.fix).includes("not in us-ashburn-1")).toBe(isElsewhere);
});

test.each([
  ["ENOTFOUND", "image-region-unknown"],
  ["EAI_AGAIN", "dns-failed"],
])("checkRegistryPath reports a name of no known region that DNS answers with %s as %s", async (code, name) => {
  const network = { ...networkOf("open"), resolve: async () => Promise.reject(Object.assign(new Error(), { code })) };
  const context = contextOf({ cloud: CLOUD, network, image: "xyz.ocir.io/acme/web" });
  expect(await findingsOf(checkRegistryPath, context)).toMatchObject([{ name }]);
});
