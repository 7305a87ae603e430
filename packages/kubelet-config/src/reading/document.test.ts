import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { EXAMPLES } from "../../test/examples.ts";
import type { Tree } from "../tree.ts";
import { decodeConfigText, parseText } from "./document.ts";

function plainValueOf(tree: Tree): unknown {
  if (tree.type === "map") return Object.fromEntries(tree.fields.map(({ key, value }) => [key, plainValueOf(value)]));
  if (tree.type === "list") return tree.items.map(plainValueOf);
  return tree.type === "null" ? null : tree.text;
}

function read(text: string): unknown {
  const parsed = parseText(text);
  return "tree" in parsed ? plainValueOf(parsed.tree) : parsed;
}

describe("parseText", () => {
  test.each(EXAMPLES)("parses $source", ({ text }) => {
    const asText = (_key: string, value: unknown) => (typeof value === "boolean" ? String(value) : value);
    expect(read(text)).toEqual(JSON.parse(JSON.stringify(parse(text), asText)));
  });

  test.each<[what: string, text: string, value: unknown]>([
    ["nothing", "", null],
    ["comments", "# a\n  # b: c\n", null],
    ["comments of any text", "a:\n  # - `*.io` **not** \"b: {\n  - b # ' & ! [\n  # %\n", { a: ["b"] }],
    ["document markers", "# a\n---\na: b\n...\n", { a: "b" }],
    ["CRLF", "a:\r\n- b\r\n- 'c'\r\n", { a: ["b", "c"] }],
    ["no line break at the end", "a:\n- b", { a: ["b"] }],
    ["empty values", "a:\nb: # c\nc:\n- \n- d\n", { a: null, b: null, c: [null, "d"] }],
    [
      "indented lists",
      "a:\n   - b: 1\n     c: [d, -e]\n   -   f: {g: h, i: }\n",
      { a: [{ b: "1", c: ["d", "-e"] }, { f: { g: "h", i: null } }] },
    ],
    ["brackets over several lines", "a: [\n  b, # c\n  'd',\n]\ne: {}\n", { a: ["b", "d"], e: {} }],
    [
      "quoted texts",
      `a: 'b''c: #'\n"d e": "\\"\\\\\\n\\u00e9\\U0001F600é"\n`,
      { a: "b'c: #", "d e": '"\\\n\u00e9\u{1f600}é' },
    ],
    ["colons and hashes inside texts", "a: b:c#d\ne: x #y\nf: --g=h\n", { a: "b:c#d", e: "x", f: "--g=h" }],
    ["JSON", '{\n\t"a": [1, true, null, "\\/"],\r\n "b": {}}', { a: ["1", "true", null, "/"], b: {} }],
  ])("parses %s", (_what, text, value) => {
    expect(read(text)).toEqual(value);
  });

  test.each<[what: string, text: string, line?: number]>([
    ["broken YAML", "a: [", 1],
    ["an anchor", "a: 1\nb: &c d", 2],
    ["an alias", "a: &b c\nd: *b", 1],
    ["an alias of an empty list", "a:\n- &b []\n- *b\n", 3],
    ["a merge key", "a: 1\n<<: {b: c}", 2],
    ["a tag", "a: !!str b", 1],
    ["a block text", "a: |\n  b\n", 1],
    ["a text on two lines", "a: b\n  c\n", 1],
    ["a quoted text on two lines", 'a: "b\n  c"\n', 1],
    ["an explicit key", "? a\n: b\n", 1],
    ["a field without a colon", "a: {b}\n", 1],
    ["a pair in a list", "a: [b: c]\n", 1],
    ["an empty field name", "? \n: b\n", 1],
    ["a number as a field name", "1: b\n", 1],
    ["a list as a field name", "[a]: b\n", 1],
    ["a space before a colon", "a : b\n", 1],
    ["no space behind a colon", 'a: {"b":c}\n', 1],
    ["a colon in a text in brackets", "a: [b:c]\n", 1],
    ["a question mark in a text in brackets", "a: [b?]\n", 1],
    ["a space in a text in brackets", "a: [b c]\n", 1],
    ["an extra comma", "a: [b,,c]\n", 1],
    ["no space before a comment", "a: 'b'#c\n", 1],
    ["a text with an indicator in front", "a: `b`\n", 1],
    ["an escape of half a character", 'a: "\\ud83d\\ude00"', 1],
    ["an escape that does not exist", 'a: "\\q"', 1],
    ["letters outside ASCII without quotes", "a: é\n", 1],
    ["a tab", "a:\tb\n", 1],
    ["a control character", "a: 1 # \u001b", 1],
    ["U+2028", "a: b\n# \u2028", 2],
    ["a byte order mark", "\ufeffa: b", 1],
    ["a carriage return alone", "a: b\rc: d\n", 1],
    ["a directive", "%YAML 1.1\n---\na: b\n", 1],
    ["two documents", "a: b\n---\nc: d\n", 2],
    ["a second document marker", "---\n---\na: b\n", 2],
    ["text after the document marker", "--- a\n", 1],
    ["the end of a document in between", "a: b\n...\nc: d\n", 2],
    ["bytes that are not UTF-8", decodeConfigText(Buffer.from("a: \xe9", "latin1")), 1],
    ["UTF-16", decodeConfigText(Buffer.from("\ufeffa: b", "utf16le")), 1],
    ["braces without valid JSON", "{a: b}"],
    ["JSON with something behind it", "{}x"],
    ["JSON with a carriage return alone", '{\r"a": 1}', 1],
    ["endless nesting", `a: ${"[".repeat(100_000)}`],
    ["endless nesting in JSON", `{"a":${"[".repeat(5_000)}${"]".repeat(5_000)}}`],
    ["endless nesting of lists", `a:\n${"- ".repeat(10_000)}b\n`],
  ])("reports %s as not understood", (_what, text, line) => {
    expect(read(text)).toEqual({
      problem: expect.stringMatching(/^(it|its|a field) /),
      ...(line === undefined ? {} : { line }),
    });
  });

  test.each("yes No on y N true 1 -1.5 .5e3 0x1F 0b1 0o7 010 1_000 .inf .INF .NaN 1e400".split(" "))(
    "decodes the unquoted %s as a number or a boolean",
    (value) => {
      expect(parseText(`a: ${value}`)).toMatchObject({
        tree: { fields: [{ value: { type: expect.stringMatching(/^(number|boolean)$/) } }] },
      });
    },
  );

  test.each("2026-01-01 1:30 1h30m 0x 08h v1 a.b tRUE yesno -a 1.2.3".split(" "))("decodes %s as a string", (value) => {
    expect(parseText(`a: ${value}`)).toMatchObject({ tree: { fields: [{ value: { type: "string", text: value } }] } });
  });
});
