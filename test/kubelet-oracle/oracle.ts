/** Builds the kubelet's own code into a program, once for each version of Kubernetes, and gets verdicts from it. */
import { spawn } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { runUntil } from "../go-build.ts";

const SOURCE = join(import.meta.dirname, "go");

/** The programs that configurations may name: those in the kubelet's bin directory. */
export const PROGRAMS: readonly string[] = ["credential-provider-oke", "gcr", "other", "cat"];

export interface Verdict {
  /** Why the kubelet refuses the case; absent if it accepts it. */
  readonly error?: string;
  /** The configuration as the kubelet decodes it, even if it then refuses its content; absent if it cannot decode it. */
  readonly decoded?: { readonly Providers: readonly { readonly Name: string }[] | null };
  /** The credentials of a response for the requested image. */
  readonly auth?: readonly { readonly username?: string; readonly password?: string }[];
}

export type Kind = "configurations" | "responses";

/** Takes minutes the first time; later runs use Go's build cache. */
export function buildOracle(minor: number, program: string): void {
  const args = ["build", `-modfile=kubernetes-1.${minor}.mod`, "-o", program, "."];
  runUntil(undefined, "go", args, SOURCE, process.env);
}

/** One verdict for each case, in order. */
export async function judge(program: string, kind: Kind, cases: readonly Uint8Array[]): Promise<Verdict[]> {
  const directory = temporaryFolder();
  mkdirSync(join(directory, "bin"));
  for (const name of PROGRAMS) symlinkSync("/bin/cat", join(directory, "bin", name));
  const child = spawn(program, [kind, directory], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(cases.map((bytes) => `${Buffer.from(bytes).toString("base64")}\n`).join(""));
  const verdicts = (await text(child.stdout)).split("\n").filter(Boolean);
  if (verdicts.length !== cases.length) throw new Error(`${verdicts.length} verdicts for ${cases.length} ${kind}`);
  return verdicts.map((line) => JSON.parse(line));
}
