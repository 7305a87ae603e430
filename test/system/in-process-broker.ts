/**
 * The real broker in the test's own process, on real sockets, with the test's clock and random numbers, and its log as values.
 */
import { configOf, daemonSections } from "@ocir-broker/config/test/config";
import { claimsOf } from "@ocir-broker/credentials/test/kubelet-request";
import type { DaemonOptions } from "@ocir-broker/daemon/daemon";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { Simulator } from "@ocir-broker/oci-simulator/simulator";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { createRecordedLog } from "../../packages/daemon/test/recorded-log.ts";
import { callSocket, startedDaemon } from "../../packages/daemon/test/started-daemon.ts";

/** The result of a pull: a token for the host, no credentials, or an error's code. */
export type Pulled = ReturnType<typeof pulledFrom> | { readonly kind: "error"; readonly code: string };

export type InProcessBroker = Awaited<ReturnType<typeof startInProcess>>;

interface InProcessOptions extends Partial<Pick<DaemonOptions, "environment" | "random" | "configDetails">> {
  readonly clock: Clock;
  readonly simulator: Simulator;
  /** Sections of the configuration file, which override those for the simulator. */
  readonly config?: object;
  /** Default trace. */
  readonly logLevel?: "trace" | "info";
}

/** Closed when the test has finished, at the latest. */
export async function startInProcess({ simulator, logLevel, config: sections, ...options }: InProcessOptions) {
  const config = configOf({ ...daemonSections(simulator, temporaryFolder(), []), registries: {}, ...sections });
  const socketPath = config.sockets.credentials;
  const { log, lines } = createRecordedLog(logLevel);
  const post = (body: string | Buffer) => callSocket(socketPath, "/v1/credentials", body);
  const broker = await startedDaemon({ ...options, config, log });

  return {
    ...{ broker, lines, socketPath, post },
    async pull(image: string): Promise<Pulled> {
      const { status, text } = await post(credentialProviderRequest({ image }));
      return status === 200
        ? pulledFrom(text, image)
        : { kind: "error", code: /^ocir-broker: ([a-z-]+): /.exec(text)?.[1] ?? text };
    },
    metrics: async () => (await callSocket(config.sockets.health, "/metrics")).text,
    /** Whether a session or a token that is kept is being fetched: no next fetch of it is planned. */
    isFetching(): boolean {
      const { session, registries } = broker.health.details();
      if (session?.state === "backing-off") return false;
      return [session, ...Object.values(registries)].some((each) => each?.kept && each.nextFetchInSeconds === null);
    },
    close: () => broker.close(),
  };
}

function pulledFrom(text: string, image: string) {
  const { auth } = JSON.parse(text) as { auth: Record<string, { password: string }> };
  const token = auth[image.split("/")[0] ?? ""]?.password;
  if (token === undefined) return { kind: "nothing" } as const;
  const { sub, exp } = claimsOf(token);
  /** Epoch milliseconds; undefined for a token without expiry. */
  const expiresAtMs = exp === undefined ? undefined : Number(exp) * 1_000;
  return { kind: "token", token: { text: token, expiresAtMs, sub } } as const;
}
