import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SHIM_ERRORS } from "@ocir-broker/protocol/error-codes";
import { describe, expect, it } from "vitest";
import { generatedHeaders } from "../generated-headers.ts";

describe("the generated headers", () => {
  it.each(Object.entries(generatedHeaders()))("%s matches packages/protocol", async (name, text) => {
    await expect(text).toMatchFileSnapshot(join(import.meta.dirname, name));
  });

  it("contain exactly the error codes of the catalogue", () => {
    const build = (name: string) => readFileSync(join(import.meta.dirname, "../../../dist", name), "latin1");
    execFileSync("make", ["--silent", "install"], { cwd: join(import.meta.dirname, "..") });
    const programs = ["credential-provider-oke", "docker-credential-ocir"];
    const said = programs.map(build).join("");
    const codes = new Set([...said.matchAll(/\0(shim-[a-z-]+)\0/g)].map(([, code]) => code));
    expect([...codes].sort()).toEqual(Object.keys(SHIM_ERRORS).sort());
  });
});
