/**
 * `npm run plots`: measures the time of a call, and draws it into docs/pictures with Vega-Lite. Needs root and what
 * `npm run bench -- --peer` needs. On a busy machine, calls take longer.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import { medianOf } from "../bench/median.ts";
import { buildPeer, LATENCY, lackOfPeer, peerOn, providerOn, timedCalls, writeConfig } from "../bench/peer.ts";
import { LAUNCHED, SHIM, startDaemon } from "../daemon.ts";
import { type OracleCloud, startOracleCloud } from "../oracle-clients/cloud.ts";

const PICTURES = join(import.meta.dirname, "../../docs/pictures");
const NATIVE = join(import.meta.dirname, "../../packages/native");
const ROUNDS = 100;
const WIDTH_PX = 560;

const lack = lackOfPeer();
if (lack !== "") throw new Error(`npm run plots${lack}`);
buildPeer();
execFileSync("make", ["-s", "-C", NATIVE, "bench"], { stdio: "inherit" });
const cloud = await startOracleCloud();
try {
  await draw("call-times.svg", callTimesPlot(await callTimes(cloud, await peerOn(cloud))));
} finally {
  await cloud.close();
  rmSync(cloud.directory, { recursive: true });
}

type Provider = ReturnType<typeof providerOn>;

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
      "ocir-broker": provider,
      "Oracle's provider": peer,
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
