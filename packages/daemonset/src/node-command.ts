/**
 * Runs `ocir-broker node …` and reads its result. The program has a process group of its own, so that it and all that it has started
 * end when its time is over. Its progress goes to the pod's log.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import type { NodeResult } from "@ocir-broker/protocol/node-result";

export const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The part of a result that a rollout uses. */
export type Outcome = Pick<NodeResult, "left"> &
  ({ readonly ok: true } | { readonly ok: false; readonly reason: string });

export type CommandResult = NodeResult & Outcome;

export interface NodeCommandOptions {
  /** The program and its arguments, without `--output`. */
  readonly command: readonly [program: string, ...args: string[]];
  /** A folder of libraries that the program may need; default: it finds its own. */
  readonly libraries?: string | undefined;
  /** Standard input; default: none. */
  readonly input?: string | undefined;
  /** SIGTERM after this time, and SIGKILL after another tenth. */
  readonly limitSeconds: number;
  say(line: string): void;
}

/** Never rejects. */
export function spawnNodeCommand(options: NodeCommandOptions): Promise<CommandResult> {
  return run(options).catch((error: unknown) => failed(error instanceof Error ? error.message : String(error)));
}

async function run({ command, input = "", libraries, limitSeconds, say }: NodeCommandOptions): Promise<CommandResult> {
  const [program, ...args] = command;
  const child = spawn(program, [...args, "--output", "json"], {
    detached: true,
    env: { PATH, LD_LIBRARY_PATH: libraries },
    stdio: "pipe",
  });
  const { pid } = child;
  if (pid === undefined) throw (await once(child, "error"))[0];
  // It may end before it has read it.
  child.stdin.on("error", () => {}).end(input);
  let lastLine = "";
  createInterface({ input: child.stderr }).on("line", (line) => {
    lastLine = line;
    say(line);
  });
  const output = text(child.stdout);
  let isEnded = false;
  const end = (signal: NodeJS.Signals) => () => {
    isEnded = true;
    killGroup(pid, signal);
  };
  const limits = [setTimeout(end("SIGTERM"), limitSeconds * 1_000), setTimeout(end("SIGKILL"), limitSeconds * 1_100)];
  try {
    const [status] = await once(child, "close");
    const result = parseJson(await output) as CommandResult | undefined;
    const tooLong = `ocir-broker ${args.slice(0, 2).join(" ")} took longer than ${limitSeconds} s and was ended`;
    // It restores everything itself after SIGTERM.
    if (result !== undefined) return isEnded && !result.ok ? { ...result, reason: tooLong } : result;
    return failed(isEnded ? tooLong : lastLine.replace(/^ocir-broker: /, "") || `${program} ended with ${status}`);
  } finally {
    limits.forEach(clearTimeout);
    killGroup(pid, "SIGKILL");
  }
}

function failed(reason: string): CommandResult {
  return { ok: false, reason, version: "", steps: [] };
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nothing of it runs any more.
  }
}
