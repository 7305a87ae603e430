/** Without a cluster: the programs are built with those of the other tests in this folder. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OracleCloud } from "../oracle-clients/cloud.ts";
import { describeKeylessClients, NAME } from "../oracle-clients/keyless-clients.ts";
import { lackOf as lackOfProgram } from "../real-registry.ts";
import { BUILDCTL, BUILDKITD, CRANE, lackOf } from "./consumer-programs.ts";

describeKeylessClients([
  { name: "BuildKit", lack: lackOfBuilds(BUILDCTL, BUILDKITD) || lackOfProgram("runc"), commands: withBuildKit },
  {
    name: "crane",
    lack: lackOfBuilds(CRANE),
    commands: () => [`${CRANE.path} pull ${NAME}:1 web.tar`, `${CRANE.path} push web.tar ${NAME}:2`],
  },
]);

function lackOfBuilds(...programs: readonly { readonly path: string }[]): string {
  const lack = lackOf(programs.map(({ path }) => path));
  return lack === undefined ? "" : ` (skipped: ${lack})`;
}

/** Its client asks the helper, and sends its daemon the token. */
async function withBuildKit(cloud: OracleCloud): Promise<string[]> {
  const address = `unix://${join(cloud.directory, "buildkit.sock")}`;
  await cloud.serve("running server on", [
    ...[BUILDKITD.path, "--addr", address, "--root", join(cloud.directory, "buildkit")],
    ...["--containerd-worker=false", "--oci-worker-snapshotter=native"],
  ]);
  const context = join(cloud.directory, "context");
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), `FROM ${NAME}:1\nCOPY Dockerfile /\n`);
  const build = `${BUILDCTL.path} --addr ${address} build --frontend dockerfile.v0`;
  const local = `--local context=${context} --local dockerfile=${context}`;
  return [`${build} ${local} --output type=image,name=${NAME}:2,push=true`];
}
