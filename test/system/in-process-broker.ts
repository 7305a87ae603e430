/**
 * The real broker in the test's own process, on real sockets, with the test's clock and random numbers, and its log as values.
 */
import { request } from "node:http";
import { join } from "node:path";
import { configOf } from "@ocir-broker/credentials/test/config";
import { type DaemonOptions, startDaemon } from "@ocir-broker/daemon/daemon";
import { createLog } from "@ocir-broker/daemon/telemetry/log";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { Simulator } from "@ocir-broker/oci-simulator/simulator";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly error?: { readonly code?: string };
  readonly code?: string;
  readonly outcome?: string;
  readonly retryInMs?: number;
  readonly [fact: string]: unknown;
}

export interface PulledToken {
  readonly text: string;
  /** Epoch milliseconds; undefined for a token without expiry. */
  readonly expiresAtMs: number | undefined;
  readonly sub: unknown;
}

/** The result of a pull: a token for the host, no credentials, or an error's code. */
export type Pulled =
  | { readonly kind: "token"; readonly token: PulledToken }
  | { readonly kind: "nothing" }
  | { readonly kind: "error"; readonly code: string };

export type InProcessBroker = Awaited<ReturnType<typeof startInProcess>>;

export interface InProcessOptions {
  readonly clock: Clock;
  readonly simulator: Simulator;
  readonly random?: () => number;
  /** Sections of the configuration file, which override those for the simulator. */
  readonly config?: object;
  readonly environment?: Readonly<Record<string, string>>;
  readonly configDetails?: DaemonOptions["configDetails"];
  /** Default debug. */
  readonly logLevel?: "debug" | "info";
}

export async function startInProcess(options: InProcessOptions) {
  const { clock, simulator } = options;
  const directory = temporaryFolder();
  const socketPath = join(directory, "c.sock");
  const config = configOf({
    sockets: { credentials: socketPath, health: join(directory, "h.sock") },
    metadata: { baseUrl: simulator.metadataUrl.href },
    auth: { endpoint: simulator.authUrl.origin },
    metrics: { textfile: join(directory, "metrics.prom") },
    ...options.config,
  });
  const log: LogLine[] = [];
  const stream = { write: (line: string) => void log.push(JSON.parse(line) as LogLine) };
  const broker = await startDaemon({
    config,
    environment: options.environment ?? {},
    ...(options.configDetails && { configDetails: options.configDetails }),
    clock,
    random: options.random ?? (() => 0.5),
    log: createLog({ level: options.logLevel ?? "debug", environment: {}, stream }),
    version: "0.0.0",
    pid: process.pid,
  });

  return {
    broker,
    log: log as readonly LogLine[],
    socketPath,
    post: (body: string | Buffer) => post(socketPath, body),
    async pull(image: string): Promise<Pulled> {
      const { status, text } = await post(socketPath, credentialProviderRequest({ image }));
      return status === 200
        ? pulledFrom(text, image)
        : { kind: "error", code: /^ocir-broker: ([a-z-]+): /.exec(text)?.[1] ?? text };
    },
    close: () => broker.close(),
  };
}

function pulledFrom(text: string, image: string): Pulled {
  const { auth } = JSON.parse(text) as { auth: Record<string, { password: string }> };
  const token = auth[image.split("/")[0] ?? ""]?.password;
  if (token === undefined) return { kind: "nothing" };
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const expiresAtMs = claims.exp === undefined ? undefined : claims.exp * 1_000;
  return { kind: "token", token: { text: token, expiresAtMs, sub: claims.sub } };
}

function post(socketPath: string, body: string | Buffer): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method: "POST", path: "/v1/credentials", agent: false }, (incoming) => {
      const pieces: Buffer[] = [];
      incoming.on("data", (piece: Buffer) => pieces.push(piece));
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(pieces).toString("utf8") }),
      );
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
