import fc from "fast-check";
import { expect, test } from "vitest";
import { matchesImage } from "./match.ts";
import { shareRepository } from "./overlap.ts";

const IAD = ["iad.ocir.io", "us-ashburn-1.ocir.io", "ocir.us-ashburn-1.oci.oraclecloud.com"] as const;
const LONG_NAME = IAD[2];

test.each([
  ...IAD.flatMap((a) => IAD.map((b): [string, string, boolean] => [a, b, true])),
  ["*d.ocir.io", "i*.ocir.io", true],
  ["*.ocir.io", "ocir.*.oci.*.*", true],
  ["iad.ocir.io", "us-phoenix-1.ocir.io", true],
  ["iad.ocir.io", "fra.ocir.io", true],
  ["ocir.*.*", LONG_NAME, true],
  ["IAD.ocir.io", LONG_NAME, true],
  ["i[a-z]d.ocir.io", LONG_NAME, true],
  ["iad.ocir.io:443", LONG_NAME, true],
  ["iad.ocir.io:5000", LONG_NAME, false],
  ["iad.ocir.io/acme", `${LONG_NAME}/acme/shop`, true],
  ["iad.ocir.io/acme", `${LONG_NAME}/shop`, false],
  ["mirror.example.com", "*.ocir.io", false],
  ["iad.ocir.io:*", "*.ocir.io", false],
  ["mirror.example.com:5000", "*.example.com:5000", true],
  ["mirror.example.com", "other.example.com", false],
] as const)("shareRepository compares %s with %s: %s, in both orders", (a, b, expected) => {
  expect([shareRepository(a, b), shareRepository(b, a)]).toEqual([expected, expected]);
});

/** The names of four registries. */
const REGISTRIES = [
  ["iad", "us-ashburn-1"],
  ["phx", "us-phoenix-1"],
  ["zzz", "zz-new-1"],
  ["zzy", "us-new-1"],
].map(([key, id]) =>
  [`${key}.ocir.io`, `${id}.ocir.io`, `ocir.${id}.oci.oraclecloud.com`].flatMap((name) => [name, `${name}:443`]),
);
const REPOSITORIES = ["acme", "acme/shop", "acme-evil/shop", "shop"];

/** A name of a registry, parts of its labels replaced by *, and perhaps the beginning of a repository. */
const entry = fc
  .record({
    name: fc.constantFrom(...REGISTRIES.flat()),
    cuts: fc.array(fc.tuple(fc.nat(40), fc.nat(12)), { maxLength: 3 }),
    path: fc.constantFrom("", "", "/acme", "/acme/shop", "/shop", "/"),
  })
  .map(({ name, cuts, path }) => {
    const [host = "", port] = name.split(":");
    const globbed = cuts.reduce((text, [at, length]) => {
      const label = /^[^.]*/.exec(text.slice(at, at + length))?.[0] ?? "";
      return label === "" ? text : `${text.slice(0, at)}*${text.slice(at + label.length)}`;
    }, host);
    return globbed + (port === undefined ? "" : `:${port}`) + path;
  });

test("entries that share no repository never match the same registry under different names", () => {
  let apart = 0;
  const entries = fc.array(entry, { minLength: 1, maxLength: 2 });
  fc.assert(
    fc.property(entries, entries, (node, account) => {
      if (node.some((own) => account.some((other) => shareRepository(own, other)))) return;
      apart += 1;
      for (const names of REGISTRIES) {
        for (const repository of REPOSITORIES) {
          const servedBy = (matchImages: readonly string[]) =>
            names.filter((name) => matchImages.some((own) => matchesImage(own, `${name}/${repository}`)));
          const [byNode, byAccount] = [servedBy(node), servedBy(account)];
          expect(byNode.length === 0 || byAccount.length === 0, `${node} ${account}: ${byNode} ${byAccount}`).toBe(
            true,
          );
        }
      }
    }),
    { numRuns: 3000 },
  );
  expect(apart).toBeGreaterThan(100);
});
