import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isReference, isRepository, parseImage, referenceOf } from "./image.ts";
import { OcirError } from "./ocir-error.ts";

const SHA256 = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("parseImage", () => {
  test.each<[what: string, image: string, registryHost: string, repository: string]>([
    ["a tag and a digest", `iad.ocir.io/ns/repo:v1@${SHA256}`, "iad.ocir.io", "ns/repo"],
    [
      "a digest of another kind",
      `iad.ocir.io/ns/repo@multihash+base58.b64:${"a".repeat(32)}`,
      "iad.ocir.io",
      "ns/repo",
    ],
    ["the https port, which is the same registry", "iad.ocir.io:443/ns/repo:v1", "iad.ocir.io", "ns/repo"],
    ["a port that begins with the https port", "registry.example:4430/ns/repo", "registry.example:4430", "ns/repo"],
    ["a port that ends with the https port", "registry.example:1443/ns/repo", "registry.example:1443", "ns/repo"],
    ["a host in upper case, which is the same host", "IAD.Ocir.IO/ns/repo", "iad.ocir.io", "ns/repo"],
    ["a name of one label with a port", "registry:5000/repo", "registry:5000", "repo"],
    ["an IPv4 address", "127.0.0.1:18080/ns/repo", "127.0.0.1:18080", "ns/repo"],
    ["an IPv6 address", "[FD00::1]/ns/repo", "[fd00::1]", "ns/repo"],
    ["an IPv6 address with a port", "[::1]:5000/ns/repo", "[::1]:5000", "ns/repo"],
    ["all separators of a repository", "iad.ocir.io/a.b_c__d-e---f/0", "iad.ocir.io", "a.b_c__d-e---f/0"],
    ["a label of 63", `${"a".repeat(63)}.io/repo`, `${"a".repeat(63)}.io`, "repo"],
    ["a repository of 255", `iad.ocir.io/${"a".repeat(255)}`, "iad.ocir.io", "a".repeat(255)],
    ["a tag of 128", `iad.ocir.io/repo:${"a".repeat(128)}`, "iad.ocir.io", "repo"],
  ])("accepts %s", (_what, image, registryHost, repository) => {
    expect(parseImage(image)).toStrictEqual({ registryHost, spelledHost: image.split("/")[0], repository });
  });

  test.each<[what: string, image: string, error: string]>([
    ["nothing", "", "no registry host"],
    ["a host alone", "iad.ocir.io", "no repository"],
    ["a host and a slash", "iad.ocir.io/", "no repository"],
    ["no host", "/ns/repo", "no registry host"],
    ["no registry at all", "nginx", "no registry host"],
    ["a first component that is Docker Hub's", "ns/repo", "no registry host"],
    ["https", "https://iad.ocir.io/ns/repo", "a scheme"],
    ["another scheme", "oci:iad.ocir.io/ns/repo", "registry/repository:tag@digest"],
    ["no scheme but its slashes", "//iad.ocir.io/ns/repo", "no registry host"],
    ["user info", "user@iad.ocir.io/ns/repo", "registry/repository:tag@digest"],
    ["a Cyrillic letter", "iаd.ocir.io/ns/repo", "outside ASCII"],
    ["a full-width dot", "iad．ocir.io/ns/repo", "outside ASCII"],
    ["the Kelvin sign, whose lower case is k", "\u212A.ocir.io/ns/repo", "outside ASCII"],
    ["a trailing dot", "iad.ocir.io./ns/repo", "registry/repository:tag@digest"],
    ["an empty label", "iad..ocir.io/ns/repo", "registry/repository:tag@digest"],
    ["a leading hyphen", "-iad.ocir.io/ns/repo", "registry/repository:tag@digest"],
    ["an underscore in the host", "i_ad.ocir.io/ns/repo", "registry/repository:tag@digest"],
    ["an empty port", "iad.ocir.io:/ns/repo", "registry/repository:tag@digest"],
    ["a port with a leading zero", "iad.ocir.io:0443/ns/repo", "registry/repository:tag@digest"],
    ["a port too high", "iad.ocir.io:65536/ns/repo", "registry/repository:tag@digest"],
    ["two ports", "iad.ocir.io:443:443/ns/repo", "registry/repository:tag@digest"],
    ["an IPv6 address without brackets", "::1/ns/repo", "registry/repository:tag@digest"],
    ["an IPv6 address with a zone", "[fe80::1%25eth0]/ns/repo", "registry/repository:tag@digest"],
    ["empty brackets", "[]/ns/repo", "no registry host"],
    ["a space inside", "iad.ocir.io/ns/re po", "outside ASCII"],
    ["a line break behind", "iad.ocir.io/ns/repo\n", "outside ASCII"],
    ["a fragment", "iad.ocir.io/ns/repo#x", "registry/repository:tag@digest"],
    ["a repository in upper case", "iad.ocir.io/ns/Repo", "upper case"],
    ["an empty component", "iad.ocir.io/ns//repo", "registry/repository:tag@digest"],
    ["a trailing slash", "iad.ocir.io/ns/repo/", "registry/repository:tag@digest"],
    ["the way up", "iad.ocir.io/ns/../repo", "registry/repository:tag@digest"],
    ["three underscores", "iad.ocir.io/ns/re___po", "registry/repository:tag@digest"],
    ["an empty tag", "iad.ocir.io/ns/repo:", "registry/repository:tag@digest"],
    ["a tag with a slash", "iad.ocir.io/ns/repo:a/b", "registry/repository:tag@digest"],
    ["a tag too long", `iad.ocir.io/repo:${"a".repeat(129)}`, "registry/repository:tag@digest"],
    ["a digest too short", "iad.ocir.io/ns/repo@sha256:abcdef", "registry/repository:tag@digest"],
    ["two digests", `iad.ocir.io/ns/repo@${SHA256}@${SHA256}`, "registry/repository:tag@digest"],
    ["a digest before the tag", `iad.ocir.io/ns/repo@${SHA256}:v1`, "registry/repository:tag@digest"],
    ["a label of 64", `${"a".repeat(64)}.io/repo`, "registry/repository:tag@digest"],
    ["a host of 254", `${"a.".repeat(126)}io/repo`, "registry/repository:tag@digest"],
    ["a repository of 256", `iad.ocir.io/${"a".repeat(256)}`, "registry/repository:tag@digest"],
    ["an image of a megabyte", `iad.ocir.io/${"a/".repeat(500_000)}a`, "registry/repository:tag@digest"],
  ])("refuses %s", (_what, image, error) => {
    expect(() => parseImage(image)).toThrow(
      expect.objectContaining({
        name: "OcirError",
        code: "image-invalid",
        retryable: false,
        message: expect.stringMatching(/^image: image-invalid: the image.s name is invalid \([ -~]+\)$/),
        subject: expect.stringContaining(error),
      }),
    );
  });

  test("returns a valid name or throws OcirError for any input", () => {
    const bits = fc.constantFrom(..."/:@A-_.[]é\0\n ", "iad", ".ocir.io", "ns", "::1", "5000", SHA256);
    const image = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme-ascii" }),
      fc.array(bits, { maxLength: 12 }).map((pieces) => pieces.join("")),
      fc.webUrl().map((url) => url.slice("https://".length)),
    );
    fc.assert(
      fc.property(image, (text) => {
        try {
          const { registryHost, repository } = parseImage(text);
          expect(registryHost).toMatch(/^[a-z0-9.[\]:-]+$/);
          expect(repository).toMatch(/^[a-z0-9._/-]+$/);
          expect(text.toLowerCase().startsWith(`${registryHost}/${repository}`)).toBe(true);
          expect(text.slice(registryHost.length + 1).startsWith(repository)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(OcirError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("finds host and repository in every name that the grammar generates", () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,8}(([._]|__|-{1,3})[a-z0-9]{1,8}){0,2}$/);
    const repository = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
    const host = fc
      .stringMatching(/^[A-Za-z0-9]{1,8}(-{1,2}[A-Za-z0-9]{1,8})?(\.[A-Za-z0-9]{1,8}){1,4}(:[1-9][0-9]{0,3})?$/)
      .filter((text) => !text.endsWith(":443"));
    const tag = fc.stringMatching(/^(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,20})?$/);
    const digest = fc.constantFrom("", `@${SHA256}`);
    fc.assert(
      fc.property(host, repository, tag, digest, (givenHost, givenRepository, itsTag, itsDigest) => {
        expect(parseImage(`${givenHost}/${givenRepository}${itsTag}${itsDigest}`)).toStrictEqual({
          registryHost: givenHost.toLowerCase(),
          spelledHost: givenHost,
          repository: givenRepository,
        });
      }),
    );
  });

  test("refuses hostile inputs without excessive backtracking", () => {
    for (const unit of ["a", "-", "a-", "a.", "a_", "__", "a/", ":", "@", "0:"]) {
      for (const end of ["", "!", "/", "/A", "/a!"]) {
        expect(() => parseImage(`${unit.repeat(500)}${end}`)).toThrow(OcirError);
      }
    }
  });
});

test.each([
  ["ns/a/b/c", true],
  ["repo", true],
  ["a".repeat(255), true],
  ["a".repeat(256), false],
  ["", false],
  ["/ns/repo", false],
  ["ns/repo:tag", false],
  ["ns/../repo", false],
  ["ns/%2e%2e/repo", false],
  ["ns/repo?x", false],
  ["ns/repo#x", false],
  ["ns/repo\n", false],
  ["ns/répo", false],
])("isRepository recognises %s", (text, expected) => {
  expect(isRepository(text)).toBe(expected);
});

test.each([
  ["iad.ocir.io/ns/repo", "latest"],
  ["iad.ocir.io/ns/repo:v1.2_3-x", "v1.2_3-x"],
  [`iad.ocir.io/ns/repo@${SHA256}`, SHA256],
  [`iad.ocir.io/ns/repo:v1@${SHA256}`, SHA256],
  ["localhost:5000/repo", "latest"],
  ["localhost:5000/ns/repo:v1", "v1"],
])("referenceOf finds that of %s", (image, expected) => {
  expect(referenceOf(image)).toBe(expected);
});

test.each([
  ["latest", true],
  [SHA256, true],
  ["../x", false],
  ["a/b", false],
  ["v1?x", false],
  ["", false],
])("isReference recognises %s", (text, expected) => {
  expect(isReference(text)).toBe(expected);
});
