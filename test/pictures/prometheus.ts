/** A Prometheus on loopback (Debian: package prometheus), which scrapes a daemon's health socket every second. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

const PROMETHEUS = "prometheus";

export const NODE_NAME = "oke-node-1";

/** One line of a panel: its labels, and a value at each step; NaN if there was none. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly number[];
}

export interface Range {
  readonly startS: number;
  readonly endS: number;
  readonly stepS: number;
}

export interface Prometheus {
  query(expr: string, range: Range): Promise<Series[]>;
  close(): Promise<void>;
}

export async function startPrometheus(directory: string, healthSocket: string): Promise<Prometheus> {
  const bridge = createServer((_incoming, outgoing) => {
    request({ socketPath: healthSocket, path: "/metrics" }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, { "content-type": answer.headers["content-type"] });
      answer.pipe(outgoing);
    })
      .on("error", () => outgoing.writeHead(502).end())
      .end();
  });
  const target = await listen(bridge);
  const origin = `http://${await freeAddress()}`;
  const config = join(directory, "prometheus.yaml");
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: "1s", scrape_timeout: "1s" },
      scrape_configs: [{ job_name: "node", static_configs: [{ targets: [target], labels: { instance: NODE_NAME } }] }],
    }),
  );
  const options = [`--config.file=${config}`, `--storage.tsdb.path=${join(directory, "tsdb")}`, "--log.level=error"];
  const child = spawn(PROMETHEUS, [...options, `--web.listen-address=${new URL(origin).host}`], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = once(child, "exit");
  while (!(await isReady(origin))) {
    if (child.exitCode !== null) throw new Error("prometheus ended");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    async query(expr, { startS, endS, stepS }) {
      const form = new URLSearchParams({ query: expr, start: `${startS}`, end: `${endS}`, step: `${stepS}` });
      const response = await fetch(`${origin}/api/v1/query_range`, { method: "POST", body: form });
      const answer = (await response.json()) as QueryAnswer;
      if (answer.status !== "success") throw new Error(`${expr}: ${answer.error}`);
      const steps = Math.floor((endS - startS) / stepS) + 1;
      return answer.data.result.map(({ metric, values }) => {
        const at = new Map(values.map(([second, value]) => [Math.round((second - startS) / stepS), Number(value)]));
        return { labels: metric, values: Array.from({ length: steps }, (_, index) => at.get(index) ?? Number.NaN) };
      });
    },
    async close() {
      child.kill("SIGTERM");
      await ended;
      bridge.closeAllConnections();
      bridge.close();
    },
  };
}

type QueryAnswer =
  | { readonly status: "error"; readonly error: string }
  | {
      readonly status: "success";
      readonly data: { readonly result: { metric: Record<string, string>; values: [number, string][] }[] };
    };

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function freeAddress(): Promise<string> {
  const server = createServer();
  const address = await listen(server);
  server.close();
  await once(server, "close");
  return address;
}

async function isReady(origin: string): Promise<boolean> {
  return fetch(`${origin}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}
