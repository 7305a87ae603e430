import { expect, it } from "vitest";
import { parseArguments, warningOf } from "./command-line.ts";

it.each<[args: string[], asked: object]>([
  [[], { folder: "dist/packages" }],
  [["out"], { folder: "out" }],
  [["--base-url", "https://b.example/v1/", "out"], { folder: "out", baseUrl: "https://b.example/v1" }],
  [
    ["--base-url=b.example"],
    { error: "--base-url must be an http(s) address, without a query and a password: b.example" },
  ],
  [["--base-url", "https://b.example/?a=$(id)"], { error: expect.stringMatching(/^--base-url must be/) }],
  [["--base-url", "https://b.example/'"], { error: expect.stringMatching(/^--base-url must be/) }],
  [["--base-url", "ftp://b.example"], { error: expect.stringMatching(/^--base-url must be/) }],
  [["--base-url", "https://me:secret@b.example/"], { error: expect.stringMatching(/^--base-url must be/) }],
  [["--for", "here", "out"], { folder: "out", isForHere: true }],
  [["--for", "arm64"], { error: "--for can only be followed by here" }],
  [["--api-group", "pulls.example", "out"], { folder: "out", apiGroup: "pulls.example" }],
  [["--api-group", "Acme_Corp"], { error: expect.stringMatching(/^the API group must be a DNS name/) }],
  [["--base-url"], { error: expect.stringContaining("--base-url <value>' argument missing") }],
  [["./--odd"], { folder: "./--odd" }],
  [["--help"], { help: true }],
  [["out", "-h"], { help: true }],
  [["--output"], { error: expect.stringMatching(/^Unknown option '--output'/) }],
  [["out", "-f"], { error: expect.stringMatching(/^Unknown option '-f'/) }],
  [["one", "two"], { error: "more than one folder was given" }],
  [[""], { error: "the folder's name is empty" }],
])("parseArguments parses %j as %j", (args, asked) => {
  expect(parseArguments(args, "dist/packages")).toEqual("folder" in asked ? { isForHere: false, ...asked } : asked);
});

it("warningOf names what to set for what the release lacks", () => {
  const all = { baseUrl: "https://b.example", apiGroup: "pulls.example" };
  expect(warningOf(all)).toBe("");
  expect(warningOf({ ...all, baseUrl: undefined })).toMatch(
    /warning: .*no address.*\nSet sources= at its top, or OCIR_BROKER_SOURCES, .* --base-url\.\n$/,
  );
  expect(warningOf({ baseUrl: all.baseUrl })).toMatch(/warning: .*--api-group/);
});
