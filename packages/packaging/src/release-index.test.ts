import { expect, test } from "vitest";
import { releaseIndex } from "./release-index.ts";

test("releaseIndex names the purpose of each file that is there, of both architectures, and of those that signing adds", () => {
  const names = ["ocir-broker-node.sh", "ocir-broker_1.2.3_arm64.deb", "ocir-broker_1.2.3_amd64.deb"];
  const index = releaseIndex(names, "1.2.3");
  expect(index.split("\n").slice(2, 5)).toEqual([
    expect.stringMatching(/^ {2}ocir-broker-node\.sh +a node pool, as its initialization script/),
    expect.stringMatching(/^ {2}ocir-broker_1\.2\.3_amd64\.deb +an image of Ubuntu/),
    expect.stringMatching(/^ {2}ocir-broker_1\.2\.3_arm64\.deb +an image of Ubuntu/),
  ]);
  expect(index).toMatch(/^ {2}SHA256SUMS\.asc .*of a signed release/m);
  expect(index).not.toContain(".rpm");
});

test("releaseIndex names the signatures of the charts that are there", () => {
  const index = releaseIndex(["ocir-broker-1.2.3.tgz"], "1.2.3");
  expect(index.match(/\S+\.prov(?= )/g)).toEqual(["ocir-broker-1.2.3.tgz.prov"]);
});

test("releaseIndex knows the packages of a release candidate", () => {
  const names = ["ocir-broker_1.2.3~rc.4_arm64.deb", "ocir-broker-1.2.3~rc.4-1.x86_64.rpm"];
  for (const name of names) expect(releaseIndex(names, "1.2.3-rc.4")).toContain(`  ${name} `);
});

test("releaseIndex refuses a file without a purpose", () => {
  expect(() => releaseIndex(["ocir-broker-new.txt"], "1.2.3")).toThrow("ocir-broker-new.txt is missing in ");
});
