/** `merge` and `remove` on files of the corpus: everything but our entry decodes, with another decoder, to what it was. */
import { mergeProvider, removeProvider } from "@ocir-broker/kubelet-config";
import { PROVIDER_NAME } from "@ocir-broker/protocol";
import { expect, test } from "vitest";
import { parseAllDocuments, type Tags } from "yaml";
import { isLongRun } from "../system/long-run.ts";
import { configurationText } from "./configurations.ts";
import { createRandom } from "./random.ts";

const CASES = isLongRun ? 100_000 : 2_000;
const SEED = 11;
const options = { name: PROVIDER_NAME, kubeletMinor: 37 };

test(`merge and remove change nothing but our entry, in ${CASES} mutated configurations`, {
  timeout: 3_600_000,
}, () => {
  let merged = 0;
  for (let index = 0; index < CASES; index++) {
    // The yaml package adds a line break to a block scalar that a file without one ends with; the kubelet's own code judges that.
    const before = `${configurationText(createRandom(SEED, index))}\n`;
    const after = attempt(() => mergeProvider(before, options));
    const removed = attempt(() => removeProvider(before, options));
    for (const text of [after, removed])
      if (text !== undefined) expect(others(text), before).toStrictEqual(others(before));
    if (after === undefined) continue;
    merged += 1;
    expect(mergeProvider(after, options)).toBe(after);
    expect(attempt(() => removeProvider(after, options)) ?? "", before).toSatisfy(
      (left: string) => !names(left).includes(PROVIDER_NAME),
    );
  }
  expect(merged).toBeGreaterThan(CASES / 10);
});

/** Refusing to touch a file is always right here. */
function attempt<Value>(change: () => Value): Value | undefined {
  try {
    return change();
  } catch {
    return undefined;
  }
}

/** The decoded file, its own kind and version aside, without the providers of our name. */
function others(text: string): unknown {
  const { kind: _kind, apiVersion: _apiVersion, providers, ...fields } = decode(text) ?? {};
  return { ...fields, providers: (providers ?? []).filter((provider) => provider?.name !== PROVIDER_NAME) };
}

function names(text: string): unknown[] {
  return (decode(text)?.providers ?? []).map((provider) => provider?.name);
}

interface Decoded {
  readonly kind?: unknown;
  readonly apiVersion?: unknown;
  readonly providers?: readonly ({ readonly name?: unknown } | null)[] | null;
}

/** Go's reader knows no dates and no numbers such as 1:30 or a point alone. */
function isKnownToGo(tag: Tags[number]): boolean {
  return (
    typeof tag === "string" ||
    (tag.format !== "TIME" && !tag.tag.endsWith(":timestamp") && tag.test?.test(".") !== true)
  );
}

/** Of the line breaks of YAML 1.1 the yaml package knows one. */
function decode(text: string): Decoded | undefined {
  if (text.trimStart().startsWith("{")) return JSON.parse(text);
  const yaml = text.replaceAll(/\r(?!\n)|\x85/g, "\n");
  const [first] = parseAllDocuments(yaml, {
    version: "1.1",
    strict: false,
    uniqueKeys: false,
    customTags: (tags) => tags.filter(isKnownToGo),
  });
  return first === undefined || !("toJS" in first) ? undefined : first.toJS();
}
