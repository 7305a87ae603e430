/**
 * Calls the builds of the shim, and examines one while it runs. For tests only.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { type CredentialProviderResult, callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { expect } from "vitest";
import { describeBuilds } from "./native-builds.ts";

const IMAGE = "icn.ocir.io/acme/app";

type ShimResult = Pick<CredentialProviderResult, "exitCode" | "stdout" | "stderr">;

/** Runs the same tests on the docker credential helper of each build. */
export function describeDockerHelper(what: string, tests: (path: string) => void): void {
  describeBuilds(what, ({ path }) => tests(path("docker-credential-ocir")));
}

/** Runs the same tests on the shim of each build. */
export function describeShim(
  what: string,
  tests: (shim: Record<"path" | "quickPath" | "hastyPath", string>) => void,
): void {
  const program = "credential-provider-oke";
  describeBuilds(what, ({ path }) =>
    tests({ path: path(program), quickPath: path(program, "quick"), hastyPath: path(program, "hasty") }),
  );
}

/** Calls it as the kubelet does, for one image unless `stdin` is given. */
export async function callShim(
  path: string,
  socketPath: string,
  options: { stdin?: string | Buffer; args?: string[] } = {},
): Promise<ShimResult> {
  const env = { OCIR_BROKER_SOCKET: socketPath };
  const { exitCode, stdout, stderr } = await callCredentialProvider({ path, env, image: IMAGE, ...options });
  return { exitCode, stdout, stderr };
}

/** The result of a call that has written this response. */
export function success(response: string): ShimResult {
  return { exitCode: 0, stdout: response, stderr: "" };
}

/** The result of a call that has written this error, and no response. */
export function failure(code: string): ShimResult {
  return { exitCode: 1, stdout: "", stderr: expect.stringMatching(lineOf(code)) };
}

/** One error line: code, what happened, what to do next; printable, at most 512 bytes. */
export function lineOf(code: string): RegExp {
  return new RegExp(`^(?=.{1,511}\n$)ocir-broker: ${code}: [ -~]+; [ -~]+\n$`);
}

/** Starts a call whose process the test examines; with `stdin` null, stdin stays open. */
export function startShim(path: string, socketPath: string, stdin: string | null = "request") {
  const child = spawn(path, [], { env: { OCIR_BROKER_SOCKET: socketPath }, stdio: "pipe" });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (piece) => {
      said[name] += piece;
    });
  }
  const ended = once(child, "close").then(([exitCode]): ShimResult => ({ exitCode, ...said }));
  child.stdin.on("error", () => {});
  if (stdin !== null) child.stdin.end(stdin);
  return { child, ended };
}

/** Descriptors apart from the standard streams and those that this test's process has inherited. */
export function descriptorsOf(pid: number | undefined): string[] {
  const target = (owner: number | undefined, descriptor: string) => {
    try {
      return readlinkSync(`/proc/${owner}/fd/${descriptor}`);
    } catch {
      return undefined;
    }
  };
  return readdirSync(`/proc/${pid}/fd`).filter(
    (descriptor) => Number(descriptor) > 2 && target(pid, descriptor) !== target(process.pid, descriptor),
  );
}
