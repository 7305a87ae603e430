import { MATCH_IMAGES } from "@ocir-broker/protocol/contract";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { explainMatch, matchesImage, mismatchOf } from "./match.ts";

const REPOSITORY = "iad.ocir.io/acme/app";
const LONG = "ocir.eu-frankfurt-1.oci.oraclecloud.com/acme/app";
const PORTS = "the ports differ";
const LABELS = "the hosts have different numbers of labels";

describe("matchesImage", () => {
  test.each<[pattern: string, image: string, mismatch?: string]>([
    ["*.ocir.io", REPOSITORY],
    ["*.ocir.io", "us-ashburn-1.ocir.io/acme/app"],
    ["*.ocir.io", "a.iad.ocir.io/acme/app", LABELS],
    ["*.ocir.io", "ocir.io/acme/app", LABELS],
    ["*", REPOSITORY, LABELS],
    ["ocir.*.oci.*.*", LONG],
    ["*.ocir.io", LONG, LABELS],
    ["i?d.ocir.io", REPOSITORY, LABELS],
    ["IAD.ocir.io", REPOSITORY, '"IAD" does not fit "iad"'],
    ["fra.ocir.io", REPOSITORY, '"fra" does not fit "iad"'],
    ["iad.ocir.io:443", REPOSITORY, PORTS],
    ["iad.ocir.io", "iad.ocir.io:443/acme/app", PORTS],
    ["iad.ocir.io:443", "iad.ocir.io:443/acme/app"],
    ["iad.ocir.io:", REPOSITORY],
    ["iad.ocir.io/acme", REPOSITORY],
    ["iad.ocir.io/acme", "iad.ocir.io/acme-evil/app"],
    ["iad.ocir.io/acme/", "iad.ocir.io/acme-evil/app", 'the image\'s path does not begin with "/acme/"'],
    ["iad.ocir.io/app", REPOSITORY, 'the image\'s path does not begin with "/app"'],
    ["iad.ocir.io/*", REPOSITORY, 'the image\'s path does not begin with "/*"'],
    ["https://iad.ocir.io", REPOSITORY, LABELS],
    ["iad.ocir.io:*", REPOSITORY, "the kubelet cannot read the pattern"],
    ["*.ocir.io", "iad.ocir.io:x/acme", "the kubelet cannot read the image"],
  ])("compares %s with %s, and mismatchOf explains: %s", (pattern, image, detail) => {
    const fits = detail === undefined;
    expect(matchesImage(pattern, image)).toBe(fits);
    const { run, notRun } = explainMatch([{ name: "p", matchImages: [pattern] }], image, { kubeletMinor: 37 });
    const provider = { name: "p", matchImages: [pattern], matchedBy: fits ? pattern : undefined };
    expect([run, notRun]).toStrictEqual(fits ? [[provider], []] : [[], [provider]]);
    expect(mismatchOf(pattern, image)).toBe(detail);
  });

  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
  const labels = fc.array(label, { minLength: 1, maxLength: 6 });
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
  const path = fc.array(label, { minLength: 1, maxLength: 3 }).map((segments) => segments.join("/"));
  const authority = (host: string[], number: number | undefined) => host.join(".") + (number ? `:${number}` : "");

  test("matches a host with itself, with * for any label, and with any prefix of the path", () => {
    fc.assert(
      fc.property(labels, port, path, fc.nat(), fc.nat(), (host, number, repository, star, cut) => {
        const globbed = host.map((text, at) => (at === star % host.length ? "*" : text));
        const prefix = `/${repository}`.slice(0, cut % (repository.length + 2));
        const image = `${authority(host, number)}/${repository}`;
        expect(matchesImage(authority(host, number) + prefix, image)).toBe(true);
        expect(matchesImage(authority(globbed, number) + prefix, image)).toBe(true);
      }),
    );
  });

  test("matches only if the number of labels and the port are equal", () => {
    fc.assert(
      fc.property(labels, labels, port, port, path, (a, b, portA, portB, repository) => {
        const stars = a.map(() => "*");
        const fits = a.length === b.length && portA === portB;
        expect(matchesImage(authority(stars, portA), `${authority(b, portB)}/${repository}`)).toBe(fits);
      }),
    );
  });

  test("matches every OCIR host with exactly one of our entries", () => {
    const region = fc.stringMatching(/^[a-z]{2}(-[a-z]{2,12}){1,2}-[1-9]$/);
    const host = fc.oneof(
      fc.stringMatching(/^[a-z]{3}$/).map((key) => `${key}.ocir.io`),
      region.map((id) => `${id}.ocir.io`),
      fc.tuple(region, label, label).map(([id, a, b]) => `ocir.${id}.oci.${a}.${b}`),
    );
    fc.assert(
      fc.property(host, path, (name, repository) => {
        expect(MATCH_IMAGES.filter((entry) => matchesImage(entry, `${name}/${repository}`))).toHaveLength(1);
      }),
    );
  });
});

describe("explainMatch", () => {
  const newest = { kubeletMinor: 37 };
  const providers = [
    { name: "z", matchImages: ["*.gcr.io", "*.ocir.io"] },
    { name: "a", matchImages: ["*.ocir.*", "*.ocir.io"] },
    { name: "m", matchImages: ["gcr.io"] },
  ];
  const namesOf = (matches: readonly { name: string }[]) => matches.map(({ name }) => name);

  test("lists the matching providers in file order, with the entry that matches", () => {
    const explained = explainMatch(providers, "iad.ocir.io/acme/app:v1", newest);
    expect(explained).toMatchObject({ repository: REPOSITORY, notRun: [{ name: "m" }] });
    expect(explained.run).toMatchObject([
      { name: "z", matchedBy: "*.ocir.io" },
      { name: "a", matchedBy: "*.ocir.*" },
    ]);
  });

  test("sorts providers by name before 1.33", () => {
    expect(namesOf(explainMatch(providers, REPOSITORY, { kubeletMinor: 32 }).run)).toStrictEqual(["a", "z"]);
    expect(namesOf(explainMatch(providers, REPOSITORY, { kubeletMinor: 33 }).run)).toStrictEqual(["z", "a"]);
  });

  test.each([
    ["iad.ocir.io/acme/app", REPOSITORY],
    ["iad.ocir.io/acme/app:v1", REPOSITORY],
    ["iad.ocir.io/acme/app@sha256:0123", REPOSITORY],
    ["iad.ocir.io/acme/app:v1@sha256:0123", REPOSITORY],
    ["localhost:5000/app", "localhost:5000/app"],
    ["localhost/app:1", "localhost/app"],
    ["Registry/app", "Registry/app"],
    ["busybox", "docker.io/library/busybox"],
    ["busybox:1.36", "docker.io/library/busybox"],
    ["acme/app", "docker.io/acme/app"],
    ["docker.io/busybox", "docker.io/library/busybox"],
    ["index.docker.io/busybox", "docker.io/library/busybox"],
    ["index.docker.io/acme/app", "docker.io/acme/app"],
  ])("normalizes %s to %s", (image, repository) => {
    expect(explainMatch([], image, newest)).toStrictEqual({ repository, run: [], notRun: [] });
  });
});
