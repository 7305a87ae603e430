import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SHIM_ERRORS } from "@ocir-broker/protocol";
import { describe, expect, it } from "vitest";
import { generatedHeaders, UPDATE_COMMAND } from "../generated-headers.ts";

describe("the generated headers", () => {
  it.each(Object.entries(generatedHeaders()))(
    `%s says what packages/protocol says; else: ${UPDATE_COMMAND}`,
    (name, text) => {
      const path = join(import.meta.dirname, name);
      if (process.env["UPDATE_HEADERS"]) writeFileSync(path, text);
      expect(readFileSync(path, "utf8")).toBe(text);
    },
  );

  it("give a program exactly the codes of the catalogue", () => {
    const build = (name: string) => readFileSync(join(import.meta.dirname, "../../../dist", name), "latin1");
    execFileSync("make", ["--silent", "install"], { cwd: join(import.meta.dirname, "..") });
    const said = `${build("credential-provider-oke")}${build("do-nothing-provider")}`;
    const codes = new Set([...said.matchAll(/\0(shim-[a-z-]+)\0/g)].map(([, code]) => code));
    expect([...codes].sort()).toEqual(Object.keys(SHIM_ERRORS).sort());
  });
});
