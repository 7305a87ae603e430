import { describe, expect, test } from "vitest";
import { finding, notChecked } from "./finding.ts";
import { exitStatusOf, renderReport } from "./report.ts";

const OK = finding("daemon-ok", "up for 5 min, ok");
const WARNING = finding("daemon-version", "the daemon is 1, this program 2");
const PROBLEM = finding("socket-missing", "/run/x: ENOENT");
const UNKNOWN = notChecked("the token", "metadata-unreachable", "there is no session");
const PLAIN = { colored: false, image: "iad.ocir.io/acme/web" };

describe("renderReport", () => {
  test("prints problems last, with evidence and fix", () => {
    expect(renderReport([PROBLEM, OK, UNKNOWN, WARNING], PLAIN)).toBe(`\
ok      the daemon runs without failures (up for 5 min, ok)
unknown not-checked: the token was not checked because of metadata-unreachable
        seen: there is no session
warning daemon-version: the running daemon is from another release than this program
        seen: the daemon is 1, this program 2
        fix:  systemctl restart ocir-broker.service (it keeps its tokens)
PROBLEM socket-missing: there is no credentials socket
        seen: /run/x: ENOENT
        fix:  systemctl enable ocir-broker.socket && systemctl restart ocir-broker.socket ocir-broker.service

problem: 1, warning: 1, unknown: 1, ok: 1. codes.md (on a node in /usr/libexec/ocir-broker/current/doc) explains each name.
`);
  });

  test("names where to start when there are several problems", () => {
    const text = renderReport([PROBLEM, finding("daemon-down", "x")], PLAIN);
    expect(text).toContain("problem: 2. Start with the first PROBLEM: later ones may follow from it.");
  });

  test.each([
    ["", "iad.ocir.io/acme/web"],
    [" No image was given, so no policy was checked.", undefined],
  ])("ends with one line when there is no problem:%s", (unchecked, image) => {
    expect(renderReport([OK], { ...PLAIN, image }).split("\n\n")[1]).toBe(`No problems found.${unchecked}\n`);
  });

  test("uses colours only when requested", () => {
    expect(renderReport([PROBLEM], { ...PLAIN, colored: true })).toContain("\u001b[31mPROBLEM \u001b[39m");
    expect(renderReport([PROBLEM], PLAIN)).not.toContain("\u001b");
  });

  test("prints, on a terminal, where all is well only that, and each step of a fix on a line to copy", () => {
    const fix =
      "add the statement `Allow group <name> to read repos in compartment <name>`; systemctl restart ocir-broker; wait";
    const form = { ...PLAIN, columns: 60 };
    expect(renderReport([OK, finding("policy-missing", "acme/web", fix)], form)).toMatch(
      /^ok {6}the daemon runs without failures\nPROBLEM policy-missing: no policy lets this identity read\n {8}the repository\n {8}seen: acme\/web\n {8}fix: {2}add the statement\n {14}Allow group <name> to read repos in compartment <name>\n {14}systemctl restart ocir-broker\n {14}wait\n/,
    );
    expect(renderReport([OK], { ...form, isVerbose: true })).toContain("failures (up for 5 min, ok)\n");
  });

  test("wraps at 80 columns on a terminal that does not say its width", () => {
    const render = (columns: number) => renderReport([PROBLEM, OK], { ...PLAIN, columns });
    expect(render(0)).toBe(render(80));
  });

  test("wraps at words within the terminal's width, and indents", () => {
    const lines = renderReport([finding("socket-missing", "/run/x: ENOENT", "words ".repeat(20)), OK], {
      ...PLAIN,
      columns: 50,
    })
      .split("\n\n")[0]
      ?.split("\n");
    expect(lines?.filter((line) => line.length > 50 && line.trim().includes(" "))).toEqual([]);
    expect(lines?.filter((line) => !/^(?:ok|PROBLEM| {8}(?:seen: |fix: {2}| {6})| {8}\S)/.test(line))).toEqual([]);
  });

  test("shows the control characters of a file's name", () => {
    const text = renderReport([finding("socket-missing", "a\u001b[2J\u202eb\nc")], PLAIN);
    expect(text).toContain("seen: a\\u{1b}[2J\\u{202e}b\\u{a}c\n");
  });
});

test.each([
  [[OK], 0],
  [[OK, WARNING], 0],
  [[OK, UNKNOWN], 3],
  [[UNKNOWN, PROBLEM], 1],
  [[], 0],
] as const)("exitStatusOf returns for case %# exit status %i", (findings, status) => {
  expect(exitStatusOf(findings)).toBe(status);
});
