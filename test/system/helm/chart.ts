/** A chart of the checkout, rendered by the real helm. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { HELM } from "./helm-program.ts";

const CHARTS = join(import.meta.dirname, "../../../deploy/helm");

/** With its image's repository, in a namespace of the chart's name. */
export function chartNamed(name: string, repository: string, release = name) {
  const folder = join(CHARTS, name);
  const given = [release, folder, `--namespace=${name}`, ...optionsFor({ "image.repository": repository })];
  const run = (command: "install" | "template", ...args: string[]) =>
    spawnSync(HELM, [command, ...given, ...args], { encoding: "utf8" });

  /** The output of `helm template`, or its error with `isRefused`. Fails if it is the other one. */
  function render(isRefused: boolean, args: string[]): string {
    const { status, stdout, stderr } = run("template", ...args);
    if (status !== Number(isRefused)) throw new Error(`helm template ended with ${status}: ${stderr}`);
    return isRefused ? stderr : stdout;
  }

  return {
    folder,
    template: (...args: string[]) => render(false, args),
    refusalOf: (...args: string[]) => render(true, args),
    notes: (...args: string[]) => run("install", "--dry-run=client", ...args).stdout,
  };
}

/** Helm's options for these values. */
export function optionsFor(values: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ["--set-json", `${name}=${JSON.stringify(value)}`]);
}
