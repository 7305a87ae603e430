/**
 * Calls the builds of the shim, and examines one while it runs. For tests only.
 */
import { spawn } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { type CredentialProviderResult, callCredentialProvider } from "@ocir-broker/testkit";
import { beforeAll, describe } from "vitest";
import { type Build, because, builtPath, distPath, make, RELEASE, SANITIZED } from "./native-builds.ts";

const IMAGE = "icn.ocir.io/acme/app";

/**
 * The shim of each build. The quick one waits a hundredth of the time between its attempts, and not for a missing socket; the
 * hasty one also has a time limit of 700 ms, for tests that wait for it.
 */
interface ShimBuild extends Build {
  readonly path: string;
  readonly quickPath: string;
  readonly hastyPath: string;
}

const SHIM_BUILDS: readonly ShimBuild[] = [
  {
    ...RELEASE,
    path: distPath("credential-provider-oke"),
    quickPath: builtPath("quick/credential-provider-oke"),
    hastyPath: builtPath("hasty/credential-provider-oke"),
  },
  {
    ...SANITIZED,
    path: builtPath("sanitized/credential-provider-oke"),
    quickPath: builtPath("sanitized-quick/credential-provider-oke"),
    hastyPath: builtPath("sanitized-hasty/credential-provider-oke"),
  },
];

/** Runs the same tests on each build; skips a build that this machine cannot make, with the reason in the title. */
export function describeShim(what: string, tests: (build: ShimBuild) => void): void {
  for (const build of SHIM_BUILDS) {
    describe.skipIf(build.lacking !== undefined)(`${what} (${because(build)})`, () => {
      beforeAll(() => {
        make("install", "checks", ...(SANITIZED.lacking === undefined ? ["sanitize"] : []));
      }, 120_000);
      tests(build);
    });
  }
}

/** Calls it as the kubelet does, for one image unless `stdin` is given. */
export function callShim(
  path: string,
  socketPath: string,
  options: { stdin?: string | Buffer; args?: string[] } = {},
): Promise<CredentialProviderResult> {
  return callCredentialProvider({
    path,
    args: options.args ?? [],
    env: { OCIR_BROKER_SOCKET: socketPath },
    ...(options.stdin === undefined ? { image: IMAGE } : { stdin: options.stdin }),
  });
}

/** One error line: code, what happened, what to do next; printable, at most 512 bytes. */
export function lineOf(code: string): RegExp {
  return new RegExp(`^(?=.{1,511}\n$)ocir-broker: ${code}: [ -~]+; [ -~]+\n$`);
}

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a call whose process the test examines; with `stdin` null, stdin stays open. */
export function startShim(path: string, socketPath: string, stdin: string | null = "request") {
  const child = spawn(path, [], { env: { OCIR_BROKER_SOCKET: socketPath }, stdio: "pipe" });
  const { promise: ended, resolve, reject } = Promise.withResolvers<Ended>();
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (piece) => {
    stdout += piece;
  });
  child.stderr.on("data", (piece) => {
    stderr += piece;
  });
  child.on("error", reject);
  child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
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
