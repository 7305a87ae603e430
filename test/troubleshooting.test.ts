/** docs/troubleshooting.md is true: its names are doctor's, its links lead somewhere, its commands run. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DIAGNOSES } from "@ocir-broker/doctor";
import { RULES } from "@ocir-broker/kubelet-config";
import { startSimulator } from "@ocir-broker/oci-simulator";
import { expect, it, onTestFinished } from "vitest";
import { BROKER, daemonConfig, startDaemon } from "./daemon.ts";

const DOCS = join(import.meta.dirname, "../docs");
const PAGE = join(DOCS, "troubleshooting.md");
const NAMES = /(<!-- names: .* -->\n)([\s\S]*?)(<!-- end of names -->)/;

/** These belong to other programs; whatever else a block has is ours and is run. */
const ON_A_NODE = /# on a node$/;

it("troubleshooting.md explains every name of doctor's", () => {
  const rows = Object.entries(DIAGNOSES)
    .filter(([, { verdict }]) => verdict !== "ok")
    .map(([name, row]) => `| \`${name}\` | ${cell(row.means)} | ${"fix" in row ? cell(row.fix) : ""} |`);
  const table = `\n| name | what it means | what mends it |\n|---|---|---|\n${rows.join("\n")}\n\n`;
  if (process.env["UPDATE_TROUBLESHOOTING"]) {
    writeFileSync(
      PAGE,
      readFileSync(PAGE, "utf8").replace(NAMES, (_all, start, _old, end) => start + table + end),
    );
  }
  expect(NAMES.exec(readFileSync(PAGE, "utf8"))?.[2]).toBe(table);
});

it("troubleshooting.md names nothing in its first columns that doctor does not say", () => {
  const rules = Object.keys(RULES).map((code) => `kubelet-config-${code}`);
  const known = new Set([...Object.keys(DIAGNOSES), ...rules, "kubelet-config-…"]);
  const tables = readFileSync(PAGE, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| the "));
  const named = tables.flatMap((line) => {
    const [, first = "", second = ""] = line.split("|");
    return [...`${first.includes("-") ? first : second}`.matchAll(/`([a-z][a-z-]+-[a-z-…]+)`/g)].map(
      ([, name = ""]) => name,
    );
  });
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

it("troubleshooting.md's links lead to files and headings", () => {
  const text = readFileSync(PAGE, "utf8");
  const targets = [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, target = ""]) => target);
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replaceAll(" ", "-"),
  );
  expect(targets.length).toBeGreaterThan(3);
  for (const target of targets) {
    const isThere = target.startsWith("#") ? headings.includes(target.slice(1)) : existsSync(join(DOCS, target));
    expect({ target, isThere }).toEqual({ target, isThere: true });
  }
});

it("troubleshooting.md's commands run", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ocir-docs-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  const config = daemonConfig(folder, simulator, { registryHosts: ["iad.ocir.io"] });
  const daemon = await startDaemon(config);
  onTestFinished(() => daemon.stop());
  const blocks = [...readFileSync(PAGE, "utf8").matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block);
  const commands = blocks.flatMap((block) => block.split("\n")).filter((line) => line !== "" && !ON_A_NODE.test(line));
  expect(commands.length).toBeGreaterThan(4);
  for (const command of commands) {
    const [program, ...args] = command
      .replace(/ +#.*$/, "")
      .replace("/tmp/transcript.json", join(folder, "t.json"))
      .split(" ");
    expect(program).toBe("ocir-broker");
    const isEndless = args.includes("--watch");
    // Only what would never end is cut short. The folder has no kubelet, so doctor has something to say: 1.
    const end = args[0] === "doctor" && !args.includes("--record") ? 1 : 0;
    const at = args[0] === "config" ? 2 : 1;
    const root = args[0] === "doctor" ? ["--root", folder] : [];
    const given = [...args.slice(0, at), "--config", config.path, ...root, ...args.slice(at)];
    const { status, signal, stderr } = await run(given, isEndless);
    expect({ command, status, signal, stderr: end === 1 ? "" : stderr.replace(/^\d+ answers.*\n/, "") }).toEqual({
      command,
      status: isEndless ? null : end,
      signal: isEndless ? "SIGTERM" : null,
      stderr: "",
    });
  }
});

async function run(args: readonly string[], isEndless: boolean) {
  const { promise, resolve } = Promise.withResolvers<{
    status: number | null;
    signal: string | null;
    stderr: string;
  }>();
  const child = spawn(BROKER, args, { env: {}, stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (piece: Buffer) => {
    stderr += piece;
  });
  child.stdout.on("data", () => isEndless && child.kill());
  child.on("close", (status, signal) => resolve({ status, signal, stderr }));
  return promise;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("*", "\\*");
}
