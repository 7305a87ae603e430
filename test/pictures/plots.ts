/**
 * `npm run plots`: measures pulls during an outage, and the time of a call, and draws both into docs/pictures with Vega-Lite. Needs root
 * and what `npm run bench -- --peer` needs. Three to five minutes; on a busy machine, calls take longer.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { medianOf } from "../bench/median.ts";
import { MINUTES, type Minute, measureOutage, OUTAGE, OUTAGE_MIN } from "../bench/outage.ts";
import { buildPeer, LATENCY, lackOfPeer, peerOn, providerOn, timedCalls, writeConfig } from "../bench/peer.ts";
import { LAUNCHED, SHIM, startDaemon } from "../daemon.ts";
import { type OracleCloud, startOracleCloud } from "../oracle-clients/cloud.ts";

const PICTURES = join(import.meta.dirname, "../../docs/pictures");
const NATIVE = join(import.meta.dirname, "../../packages/native");
const ROUNDS = 100;
const WIDTH_PX = 560;
const [OURS, CRON_JOB, PEER] = ["ocir-broker", "CronJob for a pull secret", "Oracle's provider"];
const COLORS = { domain: [OURS, CRON_JOB, PEER], range: ["#15803d", "#b45309", "#b91c1c"] };

const lack = lackOfPeer();
if (lack !== "") throw new Error(`npm run plots${lack}`);
buildPeer();
execFileSync("make", ["-s", "-C", NATIVE, "bench"], { stdio: "inherit" });
const { ours, cronJob } = await measureOutage();
const cloud = await startOracleCloud();
try {
  const peer = await peerOn(cloud);
  await draw("outage.svg", outagePlot({ [OURS]: ours, [CRON_JOB]: cronJob, [PEER]: await outageOf(cloud, peer) }));
  await draw("call-times.svg", callTimesPlot(await callTimes(cloud, peer)));
} finally {
  await cloud.close();
  rmSync(cloud.directory, { recursive: true });
}

type Provider = ReturnType<typeof providerOn>;

/** It remembers nothing between two calls, so real time and the minutes of an outage are the same to it. */
async function outageOf(cloud: OracleCloud, peer: Provider): Promise<Minute[]> {
  const minutes: Minute[] = [];
  for (const minute of MINUTES) {
    if (minute === 0) await cloud.control("POST", "/faults", OUTAGE);
    if (minute === OUTAGE_MIN) await cloud.control("DELETE", "/faults");
    const isServed = await peer.call().then(
      ({ auth }) => Object.keys(auth).length > 0,
      () => false,
    );
    minutes.push({ minute, served: isServed ? 100 : 0 });
  }
  return minutes;
}

/** Milliseconds of a call (p50), with Oracle 40 ms away. */
async function callTimes(cloud: OracleCloud, peer: Provider) {
  const config = writeConfig(cloud);
  const daemon = await startDaemon(config, ...(cloud.enter as [string]), ...LAUNCHED);
  const floorSocket = join(cloud.directory, "floor.sock");
  const [enter = "", ...inside] = cloud.enter;
  const provider = providerOn(cloud, config.credentialsSocket, SHIM);
  const bytes = String(JSON.stringify(await provider.call()).length);
  const floor = spawn(enter, [...inside, join(NATIVE, "build/floor-server"), floorSocket, bytes]);
  try {
    await once(floor.stdout, "data");
    await cloud.control("POST", "/faults", LATENCY);
    const programs = {
      "a program that does nothing": providerOn(cloud, floorSocket, join(NATIVE, "build/noop")),
      "the plugin and a C server": providerOn(cloud, floorSocket, SHIM),
      [OURS ?? ""]: provider,
      [PEER ?? ""]: peer,
    };
    const calls = await timedCalls(cloud, ROUNDS, 1, Object.values(programs));
    return Object.keys(programs).map((name, index) => ({
      name,
      ms: medianOf((calls[index] ?? []).map(({ ms }) => ms)),
    }));
  } finally {
    floor.kill();
    await daemon.stop();
  }
}

function outagePlot(series: Readonly<Record<string, readonly Minute[]>>): TopLevelSpec {
  for (const [who, minutes] of Object.entries(series)) console.log(who, minutes.map(({ served }) => served).join(" "));
  const values = Object.entries(series).flatMap(([who, minutes]) => minutes.map((each) => ({ who, ...each })));
  return {
    title: "Pulls that get a working credential, in an outage of Oracle of 40 minutes",
    width: WIDTH_PX,
    height: 220,
    background: "white",
    layer: [
      {
        data: { values: [{ from: 0, to: OUTAGE_MIN }] },
        mark: { type: "rect", color: "#e2e8f0" },
        encoding: { x: { field: "from", type: "quantitative" }, x2: { field: "to" } },
      },
      {
        data: { values },
        mark: { type: "line", interpolate: "step-after", strokeWidth: 2 },
        encoding: {
          x: { field: "minute", type: "quantitative", title: "minutes since the outage began (grey: the outage)" },
          y: { field: "served", type: "quantitative", title: "% of 6 nodes", scale: { domain: [0, 100] } },
          color: { field: "who", type: "nominal", title: null, scale: COLORS },
        },
      },
    ],
  };
}

function callTimesPlot(values: readonly { readonly name: string; readonly ms: number }[]): TopLevelSpec {
  console.log(values);
  const labelled = values.map((each) => ({ ...each, label: `${each.ms.toFixed(each.ms < 10 ? 2 : 0)} ms` }));
  const y = { field: "name", type: "nominal", sort: null, title: null, axis: { labelLimit: 240 } } as const;
  const x = {
    field: "ms",
    type: "quantitative",
    scale: { type: "log", domainMin: 0.1, domainMax: 1_000 },
    title: "milliseconds, median (logarithmic)",
  } as const;
  return {
    title: "Time of a call of the plugin, with Oracle 40 ms away",
    width: WIDTH_PX,
    height: 140,
    background: "white",
    data: { values: labelled },
    layer: [
      { mark: { type: "point", filled: true, size: 120, color: "#15803d" }, encoding: { x, y } },
      { mark: { type: "text", align: "left", dx: 10 }, encoding: { x, y, text: { field: "label" } } },
    ],
  };
}

async function draw(file: string, spec: TopLevelSpec): Promise<void> {
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  writeFileSync(join(PICTURES, file), `${await view.toSVG()}\n`);
}
