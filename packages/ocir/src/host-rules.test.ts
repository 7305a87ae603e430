import { describe, expect, test } from "vitest";
import { createHostRules, isRegistryHost, registryHostOf } from "./host-rules.ts";

const REALMS = ["oraclecloud.com", "oraclegovcloud.uk", "oraclecloud.eu"];
const EXTRA = ["registry.internal:5000", "mirror.example.com", "127.0.0.1:18080", "localhost"];
const isAllowed = createHostRules({ realmDomains: REALMS, extraHosts: EXTRA });

describe("createHostRules", () => {
  test.each([
    "iad.ocir.io",
    "us-ashburn-1.ocir.io",
    "us-gov-ashburn-1.ocir.io",
    "ap-dcc-canberra-1.ocir.io",
    "ocir.eu-frankfurt-1.oci.oraclecloud.com",
    "ocir.uk-gov-london-1.oci.oraclegovcloud.uk",
    "ocir.eu-dcc-milan-10.oci.oraclecloud.eu",
    ...EXTRA,
  ])("allows %s", (host) => {
    expect(isAllowed(host)).toBe(true);
  });

  test.each([
    ["the bare domain", "ocir.io"],
    ["something before the region", "a.iad.ocir.io"],
    ["something behind", "iad.ocir.io.evil.com"],
    ["a glued name", "iad.evilocir.io"],
    ["a glued name without a dot", "iadocir.io"],
    ["another letter in the place of the first dot", "iadxocir.io"],
    ["another letter in the place of the second dot", "iad.ocirxio"],
    ["a trailing dot", "iad.ocir.io."],
    ["a port", "iad.ocir.io:443"],
    ["a port that an extra host has, on another", "mirror.example.com:5000"],
    ["an extra host without its port", "registry.internal"],
    ["more than an extra host", "a.mirror.example.com"],
    ["upper case", "IAD.ocir.io"],
    ["a region key too short", "ia.ocir.io"],
    ["a region key too long", "iadx.ocir.io"],
    ["a region id without its number", "us-ashburn.ocir.io"],
    ["a region id with an empty number", "us-ashburn-.ocir.io"],
    ["a region id of one word", "ashburn1.ocir.io"],
    ["a region id without its place", "us-1.ocir.io"],
    ["a region id with an area of one letter", "u-ashburn-1.ocir.io"],
    ["a dot in a region id", "us-ash.burn-1.ocir.io"],
    ["the short form in another realm", "iad.oraclecloud.eu"],
    ["a region key in the long form", "ocir.iad.oci.oraclecloud.com"],
    ["a realm that is not given", "ocir.us-ashburn-1.oci.oraclecloud99.com"],
    ["something before the service", "evil.ocir.us-ashburn-1.oci.oraclecloud.com"],
    ["something behind the realm", "ocir.us-ashburn-1.oci.oraclecloud.com.evil"],
    ["something before the realm", "ocir.us-ashburn-1.oci.evil.oraclecloud.com"],
    ["a realm glued to a name", "ocir.us-ashburn-1.oci.eviloraclecloud.com"],
    ["another letter in the place of a dot of the long form", "ocir.us-ashburn-1-oci.oraclecloud.com"],
    ["another letter in the place of its first dot", "ocirxus-ashburn-1.oci.oraclecloud.com"],
    ["another letter in the place of its last dot", "ocir.us-ashburn-1.ocixoraclecloud.com"],
    ["the long form without oci", "ocir.us-ashburn-1.oraclecloud.com"],
    ["a Cyrillic letter", "iаd.ocir.io"],
    ["a full-width dot", "iad．ocir.io"],
    ["the Kelvin sign", "\u212Aad.ocir.io"],
    ["an encoded dot", "iad%2eocir.io"],
    ["a NUL", "iad.ocir.io\0"],
    ["a line break behind", "iad.ocir.io\n"],
    ["a path", "evil.com/iad.ocir.io"],
    ["user info", "iad.ocir.io@evil.com"],
    ["a backslash", "evil.com\\.ocir.io"],
    ["nothing", ""],
  ])("does not allow %s", (_what, host) => {
    expect(isAllowed(host)).toBe(false);
  });

  test("allows no long form without realms, and copies its options", () => {
    const realmDomains: string[] = [];
    const isOurs = createHostRules({ realmDomains, extraHosts: [] });
    realmDomains.push("oraclecloud.com");
    expect(isOurs("ocir.us-ashburn-1.oci.oraclecloud.com")).toBe(false);
    expect(isOurs("iad.ocir.io")).toBe(true);
  });
});

test.each([
  ["registry", true],
  ["registry:5000", true],
  ["mirror.example.com:65535", true],
  ["10.0.0.1", true],
  [`${"a".repeat(63)}.io`, true],
  [`${"a".repeat(64)}.io`, false],
  [`${"a.".repeat(126)}a:65535`, true],
  [`${"a.".repeat(126)}aa:65535`, false],
  ["mirror.example.com.", false],
  ["-mirror.example.com", false],
  ["mirror_1.example.com", false],
  ["", false],
  ["Mirror.example.com", false],
  ["https://mirror.example.com", false],
  ["mirror.example.com/", false],
  ["*.example.com", false],
  ["mirror:0", false],
  ["mirror:65536", false],
  ["mirror:", false],
  ["[::1]:5000", false],
])("isRegistryHost recognises %s", (text, expected) => {
  expect(isRegistryHost(text)).toBe(expected);
});

test.each([
  ["iad.ocir.io", { key: "iad", id: "us-ashburn-1", realmKey: "oc1", realmDomain: "oraclecloud.com" }],
  [
    "ocir.uk-gov-london-1.oci.oraclegovcloud.uk",
    { key: "ltn", id: "uk-gov-london-1", realmKey: "oc4", realmDomain: "oraclegovcloud.uk" },
  ],
])("registryHostOf returns %s, which is an allowed host", (registryHost, itsRegion) => {
  expect(registryHostOf(itsRegion)).toBe(registryHost);
  expect(isAllowed(registryHost)).toBe(true);
});
