/** The simulator as a program, used by hand: with curl, over HTTP and over HTTPS. */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, describe, expect, test } from "vitest";

const MAIN = join(import.meta.dirname, "main.ts");
const FREE = [
  "--metadata",
  "127.0.0.1:0",
  "--auth",
  "127.0.0.1:0",
  "--registry",
  "127.0.0.1:0",
  "--cluster",
  "127.0.0.1:0",
  "--domain",
  "127.0.0.1:0",
  "--control",
  "[::1]:0",
];
const directory = mkdtempSync(join(tmpdir(), "oci-simulator-"));
const hasCurl = spawnSync("curl", ["--version"]).status === 0;
const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

afterAll(() => rmSync(directory, { recursive: true }));

interface Program {
  readonly child: ChildProcess;
  readonly metadata: string;
  readonly auth: string;
  readonly registry: string;
  readonly control: string;
  readonly output: string;
}

async function start(...more: string[]): Promise<Program> {
  const child = spawn(process.execPath, [MAIN, ...FREE, ...more], { stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  let output = "";
  for await (const piece of child.stdout as AsyncIterable<Buffer>) {
    output += piece;
    if (output.endsWith("ready\n")) break;
  }
  const after = (word: string) => new RegExp(`^  ${word} +(\\S+)`, "m").exec(output)?.[1] ?? "";
  const [metadata, auth, registry, control] = ["metadata", "auth", "registry", "control"].map(after) as [
    string,
    string,
    string,
    string,
  ];
  return { child, metadata, auth, registry, control, output };
}

async function curl(...args: string[]): Promise<string> {
  return (await promisify(execFile)("curl", ["--silent", "--show-error", "--max-time", "10", ...args])).stdout;
}

function exitOf({ child }: Program, signal: NodeJS.Signals): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  child.once("exit", (code, by) => resolve(code ?? by));
  child.kill(signal);
  return promise;
}

describe("npm run simulator", () => {
  test.skipIf(!hasCurl)(`answers curl${hasCurl ? "" : " (skipped: no curl here)"}`, async () => {
    const program = await start();
    const { metadata, registry, control, output } = program;
    expect(output).toContain(`OCI_METADATA_BASE_URL=${metadata}\n`);
    const authorization = ["-H", "Authorization: Bearer Oracle"];
    expect(JSON.parse(await curl(...authorization, `${metadata}/instance/regionInfo`)).regionKey).toBe("IAD");
    expect(await curl(...authorization, "--http1.0", `${metadata}/instance/region`)).toBe("iad");
    expect(
      await curl(
        ...authorization,
        "--proxy",
        new URL(metadata).origin,
        "http://169.254.169.254/opc/v2/instance/region",
      ),
    ).toBe("iad");
    expect(await curl("-o", "/dev/null", "-w", "%{http_code}", `${metadata}/instance/region`)).toBe("401");

    const anonymous = JSON.parse(await curl(`${registry}/20180419/docker/token`)).token;
    const manifest = `${registry}/v2/axoxdievda5j/oke-public-pause/manifests/latest`;
    expect(JSON.parse(await curl("-H", `Authorization: Bearer ${anonymous}`, manifest)).layers).toHaveLength(1);
    expect(JSON.parse(await curl(`${control}/requests`))).toMatchObject({ "registry.manifest": 1 });
    expect(await exitOf(program, "SIGTERM")).toBe(0);
  });

  test.skipIf(!hasCurl)(
    `speaks HTTPS for any name, trusted through its CA file${hasCurl ? "" : " (skipped: no curl here)"}`,
    async () => {
      const caFile = join(directory, "ca.pem");
      const rootFile = join(directory, "token-root.pem");
      const region = ["--region", "eu-frankfurt-1", "--region-key", "fra"];
      const program = await start("--tls", "--ca-file", caFile, "--token-root-file", rootFile, ...region);
      expect(readFileSync(rootFile, "utf8")).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
      const { registry, auth, metadata, output } = program;
      expect(output).toContain(`export SSL_CERT_FILE=${caFile}\n`);
      expect(metadata).toMatch(/^http:/);
      const { port } = new URL(registry);
      const head = await curl(
        "--cacert",
        caFile,
        "--connect-to",
        `icn.ocir.io:443:127.0.0.1:${port}`,
        "--head",
        "https://icn.ocir.io/v2/",
      );
      expect(head).toContain('realm="https://icn.ocir.io/20180419/docker/token",service="icn.ocir.io"');
      expect(await curl("--cacert", caFile, "-o", "/dev/null", "-w", "%{http_code}", `${auth}`)).toBe("405");
      await expect(curl(registry)).rejects.toMatchObject({ code: 60 });
      expect(await curl("-H", "Authorization: Bearer Oracle", `${metadata}/instance/region`)).toBe("eu-frankfurt-1");
      expect(await exitOf(program, "SIGINT")).toBe(0);
    },
  );

  test("--help says what there is", () => {
    const { status, stdout } = spawnSync(process.execPath, [MAIN, "--help"], { encoding: "utf8" });
    expect([status, stdout]).toEqual([0, expect.stringContaining("--metadata ADDRESS")]);
  });

  test.each([
    [["--nonsense"], "Unknown option '--nonsense'"],
    [["--latency", "soon"], "--latency must be a whole number from 0"],
    [["--token-life", "0"], "--token-life must be a whole number from 1"],
    [["--metadata-limit", "-1"], "--metadata-limit"],
    [["--ca-file", "/tmp/x"], "--ca-file is of use only with --tls"],
    [["--auth", "here"], "not an address with a port: here"],
  ])("%j is an error", (args, message) => {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...FREE, ...args], { encoding: "utf8" });
    expect([status, stderr]).toEqual([1, expect.stringContaining(message)]);
  });
});
