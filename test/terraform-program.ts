/** Terraform, or tofu, with a configuration that needs no provider: all of its resources are `terraform_data`. */
import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const PROGRAM = ["terraform", "tofu"].find((program) => spawnSync(program, ["version"]).status === 0) ?? "";
/** For test titles; empty if it is there. */
export const lackOfTerraform = PROGRAM === "" ? " (skipped: needs terraform or tofu)" : "";

export function runTerraform(folder: string, ...args: readonly string[]): string {
  const env = { PATH: process.env["PATH"], HOME: folder, CHECKPOINT_DISABLE: "1" };
  return execFileSync(PROGRAM, args, { cwd: folder, env, encoding: "utf8" });
}

/** The inputs of the planned resources of an initialized folder, by their names. */
// biome-ignore lint/suspicious/noExplicitAny: values of a configuration
export function planIn(folder: string, variables: object): Record<string, any> {
  writeFileSync(join(folder, "terraform.tfvars.json"), JSON.stringify(variables));
  runTerraform(folder, "plan", "-out=plan", "-input=false");
  const { resources } = JSON.parse(runTerraform(folder, "show", "-json", "plan")).planned_values.root_module as {
    resources: readonly { readonly name: string; readonly values: { readonly input: object } }[];
  };
  return Object.fromEntries(resources.map(({ name, values }) => [name, values.input]));
}
