/**
 * `npm run pictures`: draws docs/pictures/dashboard.svg, the panels of monitoring/ocir-broker.dashboard.json. A real Prometheus
 * scrapes the built daemon for some minutes, against the simulator, and answers the panels' own queries. Five minutes.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSimulator } from "@ocir-broker/oci-simulator";
import { daemonConfig, startDaemon } from "../daemon.ts";
import { readDashboard, type Target } from "../monitoring/dashboard.ts";
import type { DrawnPanel, Line } from "./chart-svg.ts";
import { drawDashboard } from "./dashboard-svg.ts";
import { NODE_NAME, type Prometheus, type Range, startPrometheus } from "./prometheus.ts";
import { playScene, REGISTRY_HOSTS, SCENE } from "./scene.ts";

const PICTURE = join(import.meta.dirname, "../../docs/pictures/dashboard.svg");

/** Grafana takes four scrapes; ten seconds make calmer lines. */
const RATE_INTERVAL = "10s";
/** The file is written every 15 s: a shorter window would show an outage between two writes. */
const FILE_RATE_INTERVAL = "60s";

const directory = mkdtempSync(join(tmpdir(), "ocir-dashboard-"));
const simulator = await startSimulator({
  registry: REGISTRY_HOSTS.map((_host, index) => `127.0.0.${index + 1}:0`),
  latencyMs: SCENE.latencyMs,
  tokenLifeMs: SCENE.tokenLifeMs,
  sessionLifeMs: SCENE.sessionLifeMs,
});
const config = daemonConfig(directory, simulator, {
  registryHosts: REGISTRY_HOSTS,
  prefetch: [],
  logLevel: "error",
  deadline: "5s",
});
const daemon = await startDaemon(config);
const prometheus = await startPrometheus(directory, config.healthSocket);

try {
  let startS = 0;
  await playScene(simulator, config.credentialsSocket, () => {
    startS = Math.floor(Date.now() / 1_000);
  });
  const range = { startS, endS: Math.floor(Date.now() / 1_000), stepS: 1 };
  const dashboard = readDashboard();
  const panels: DrawnPanel[] = [];
  for (const panel of dashboard.panels) {
    const asked = (panel.targets ?? []).map((target) => linesOf(prometheus, target, range));
    panels.push({ panel, lines: (await Promise.all(asked)).flat() });
  }
  writeFileSync(PICTURE, drawDashboard(`${dashboard.title}, node ${NODE_NAME}`, panels, range.endS - range.startS));
  console.log("docs/pictures/dashboard.svg");
} finally {
  await prometheus.close();
  await daemon.stop();
  await simulator.close();
  rmSync(directory, { recursive: true });
}

async function linesOf(from: Prometheus, { expr, legendFormat }: Target, range: Range): Promise<Line[]> {
  const asked = expr
    .replaceAll("$node", NODE_NAME)
    .replaceAll("$__rate_interval", expr.includes("textfile") ? FILE_RATE_INTERVAL : RATE_INTERVAL)
    .replaceAll("$__range", `${range.endS - range.startS}s`);
  return (await from.query(asked, range)).map(({ labels, values }) => ({
    name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? ""),
    values,
  }));
}
