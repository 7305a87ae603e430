/** A package manager must find the files that it has installed, so the archive does not replace them. */
import { isSuccess } from "@ocir-broker/node/program-run";
import { PROGRAM } from "./installed-files.ts";
import type { NodeContext } from "./node-context.ts";

const LIMIT_MS = 20_000;

const QUERIES = [
  { path: "dpkg", args: ["-S", PROGRAM], kind: ".deb" },
  { path: "rpm", args: ["-qf", PROGRAM], kind: ".rpm" },
] as const;

/** The kind of package that has installed ocir-broker; undefined if none has. */
export async function packageOwner({ runProgram }: NodeContext): Promise<".deb" | ".rpm" | undefined> {
  for (const { path, args, kind } of QUERIES) {
    if (isSuccess(await runProgram({ path, args, limitMs: LIMIT_MS }))) return kind;
  }
  return undefined;
}
