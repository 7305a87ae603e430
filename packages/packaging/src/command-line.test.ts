import { describe, expect, it } from "vitest";
import { parseArguments } from "./command-line.ts";

describe("parseArguments", () => {
  it.each<[args: string[], asked: object]>([
    [[], { folder: "dist/packages" }],
    [["out"], { folder: "out" }],
    [["./--odd"], { folder: "./--odd" }],
    [["--help"], { help: true }],
    [["out", "-h"], { help: true }],
    [["--output"], { fault: expect.stringMatching(/^--output: unknown option/) }],
    [["out", "-f"], { fault: expect.stringMatching(/^-f: unknown option/) }],
    [["one", "two"], { fault: "more than one folder was given" }],
    [[""], { fault: "the folder's name is empty" }],
  ])("of %j is %j", (args, asked) => {
    expect(parseArguments(args, "dist/packages")).toEqual(asked);
  });
});
