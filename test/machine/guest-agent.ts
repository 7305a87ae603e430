/**
 * Runs programs inside a virtual machine through QEMU's guest agent, whose requests and responses are lines of JSON on a Unix socket.
 * One request at a time.
 */
import { createConnection } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 500;
/** The agent reads requests from before its start too, and responds to each. */
const SYNC_EVERY_MS = 5_000;

export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type GuestAgent = ReturnType<typeof connectGuestAgent>;

/** @param signal ends everything: the machine is off */
export function connectGuestAgent(socketPath: string, signal: AbortSignal) {
  const socket = createConnection(socketPath);
  const lines = createInterface({ input: socket });
  // The socket's errors too. The machine may go off at any time, which `signal` tells.
  lines.on("error", () => undefined);
  signal.addEventListener("abort", () => socket.destroy());
  let last: Promise<unknown> = synchronise();

  async function synchronise(): Promise<void> {
    const id = Date.now();
    const send = () => socket.write(`${JSON.stringify({ execute: "guest-sync", arguments: { id } })}\n`);
    send();
    const again = setInterval(send, SYNC_EVERY_MS);
    try {
      while ((await nextResponse()).return !== id);
    } finally {
      clearInterval(again);
    }
  }

  async function nextResponse(): Promise<{ return?: unknown; error?: { desc: string } }> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const onAbort = () => reject(new Error("the machine is off"));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    lines.once("line", resolve);
    try {
      return JSON.parse(await promise);
    } finally {
      signal.removeEventListener("abort", onAbort);
      lines.off("line", resolve);
    }
  }

  function request(execute: string, args: object): Promise<unknown> {
    const result = last.then(async () => {
      socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
      for (;;) {
        const response = await nextResponse();
        if (response.error !== undefined) throw new Error(`${execute}: ${response.error.desc}`);
        // Not a late response to a synchronisation.
        if (typeof response.return === "object") return response.return;
      }
    });
    last = result.catch(() => undefined);
    return result;
  }

  /** Runs a program as root, and waits for it. Rejects if the machine goes off. */
  async function exec(path: string, args: readonly string[] = []): Promise<ProgramResult> {
    const started = await request("guest-exec", { path, arg: args, "capture-output": true });
    const { pid } = started as { pid: number };
    for (;;) {
      const status = (await request("guest-exec-status", { pid })) as {
        exited: boolean;
        exitcode?: number;
        "out-data"?: string;
        "err-data"?: string;
      };
      if (status.exited)
        return {
          exitCode: status.exitcode ?? -1,
          stdout: Buffer.from(status["out-data"] ?? "", "base64").toString(),
          stderr: Buffer.from(status["err-data"] ?? "", "base64").toString(),
        };
      await sleep(POLL_MS);
    }
  }

  return {
    exec,
    /** As `exec`, but an exit code other than 0 is an error with the output. @returns stdout without its last newline */
    async run(path: string, ...args: readonly string[]): Promise<string> {
      const { exitCode, stdout, stderr } = await exec(path, args);
      if (exitCode !== 0) throw new Error(`${path} ${args.join(" ")}: ended with ${exitCode}\n${stdout}${stderr}`);
      return stdout.replace(/\n$/, "");
    },
  };
}
