/**
 * Root's shell on a node with a registry that has an image, before any set-up: docker's daemon and containerd run, and the
 * clients have no configuration.
 */
import { rmSync } from "node:fs";
import type { DocumentedCommand } from "../../documentation/pages.ts";
import { startContainerd, startDockerd, typePassword } from "../../real-clients.ts";
import { setRealRegistryStage } from "../../real-registry.ts";

/** Runs the commands in order, in one home directory. Rejects with the place of the first that fails. */
export async function runWithClients(commands: readonly DocumentedCommand[]): Promise<void> {
  const stage = await setRealRegistryStage();
  const { registryHost, programs, authFile, config } = stage;
  const image = await stage.push("acme/shop/web:1");
  rmSync(authFile);
  const dockerHost = await startDockerd(stage);
  const containerd = await startContainerd(stage);
  let exported = "";
  for (const { text, place } of commands) {
    // A shell's variables last as long as the page.
    for (const [line] of text.matchAll(/^export .*$/gm)) exported += `${line}\n`;
    const script = text
      .replaceAll("icn.ocir.io", registryHost)
      .replaceAll("/usr/local/bin", programs)
      .replaceAll("ocir-broker get", `ocir-broker get --config ${config.path}`)
      // The configuration of these two cannot say that this registry uses HTTP.
      .replaceAll("docker manifest inspect", "docker manifest inspect --insecure")
      .replace(/^ctr /, `ctr --address ${containerd} `)
      .replace(" images pull ", " images pull --plain-http ");
    const doing = script.startsWith("ctr ")
      ? stage
          .run("ocir-broker", "get", "--config", config.path, "--output", "password", image)
          .then((password) => typePassword(stage, script.trim(), password))
      : stage.run("env", `DOCKER_HOST=${dockerHost}`, "bash", "-euo", "pipefail", "-c", `${exported}${script}`);
    await doing.catch((error: unknown) => {
      throw new Error(`${place}: ${error instanceof Error ? error.message : error}`, { cause: error });
    });
  }
}
