/** What `npm run simulator` prints for a broker, tried as printed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { BROKER } from "../daemon.ts";
import { runProgram } from "../run-program.ts";

const SIMULATOR = join(import.meta.dirname, "../oci-simulator/src/main.ts");
const SERVICES = ["metadata", "auth", "registry", "control", "cluster", "domain"];

it("npm run simulator prints a configuration that works for the hosts of an installed node", async () => {
  const folder = temporaryFolder();
  const free = SERVICES.flatMap((name) => [`--${name}`, "127.0.0.1:0"]);
  const simulator = spawn(process.execPath, [SIMULATOR, ...free], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const lines: string[] = [];
    for await (const line of createInterface(simulator.stdout)) {
      if (line === "ready") break;
      lines.push(line);
    }
    const config = join(folder, "config.yaml");
    writeFileSync(
      config,
      lines.slice(lines.indexOf("metadata:"), lines.indexOf("", lines.indexOf("metadata:"))).join("\n"),
    );
    // The node's identity, also if an ordinary user runs this test.
    const env = { PATH: process.env["PATH"], HOME: folder, OCI_CLI_AUTH: "instance_principal" };
    for (const host of ["iad.ocir.io", "us-ashburn-1.ocir.io", "icn.ocir.io"]) {
      const get = [BROKER, "get", "--config", config, "--output", "password", `${host}/acme/shop/web`];
      expect(await runProgram(get, { env }), host).toMatch(/^ey/);
    }
  } finally {
    simulator.kill();
    await once(simulator, "exit");
  }
});
