import { expect, test } from "vitest";
import { parseEnvironmentFile } from "./environment-file.ts";

test.each<[string, string, Record<string, string>]>([
  ["plain values", "A=b c \n  B = d\nC=", { A: "b c", B: "d", C: "" }],
  ["comments", "# A=1\n;B=2\n#C=3 \\\nC=4\nD=5", { D: "5" }],
  ["single quotes", "A='b \\ # \"c\n' \n", { A: 'b \\ # "c\n' }],
  ["double quotes", 'A="b \\"c\\" \\$ \\x \\\nd\nB=e"', { A: 'b "c" $ \\x d\nB=e' }],
  ["quotes that follow each other", 'A=\'b\' "c" d"e"', { A: 'bcd"e"' }],
  ["continued lines and escapes", "A=b\\\nc\\ \\d\\\\", { A: "bc d\\" }],
  ["a backslash at the end of the file", "A=b\\", { A: "b" }],
  ["lines without an assignment", "A\n=b\n1=c\nexport D=e\nE=f", { E: "f" }],
  ["the last of two", "A=b\nA=c", { A: "c" }],
])("parseEnvironmentFile parses %s", (_what, text, values) => {
  expect(Object.fromEntries(parseEnvironmentFile(text))).toEqual(values);
});
