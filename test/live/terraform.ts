/** Makes and removes the cloud's resources with terraform/main.tf, in a copy of that folder. */
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../run-program.ts";
import type { LiveOptions } from "./live-run.ts";

export type Made = Awaited<ReturnType<ReturnType<typeof createTerraform>["apply"]>>;

type Output = Readonly<Record<"registry_host" | "namespace" | "repository" | "kubeconfig", { readonly value: string }>>;

export function createTerraform(options: LiveOptions, folder: string) {
  const { region, tenancy, compartment, oracleLinux, kubernetes, packages } = options;
  const cwd = join(folder, "terraform");
  cpSync(join(import.meta.dirname, "terraform"), cwd, { recursive: true });

  function argumentsFor(mayPull: boolean): string[] {
    const named = (end: string) => join(packages, readdirSync(packages).find((name) => name.endsWith(end)) ?? end);
    const variables = {
      ...{ region, tenancy_id: tenancy, compartment_id: compartment, oracle_linux: oracleLinux },
      ...{ kubernetes_version: kubernetes, archive: named("-linux-amd64.tar.gz") },
      ...{ node_script: named("ocir-broker-node.sh"), may_pull: String(mayPull) },
    };
    const flags = Object.entries(variables).map(([name, value]) => `-var=${name}=${value}`);
    return ["-input=false", "-auto-approve", ...flags];
  }

  const terraform = (...args: readonly string[]) => runProgram(["terraform", ...args], { cwd });

  return {
    /** @returns also the repository and two images in it as container runtimes name them */
    async apply({ mayPull }: { mayPull: boolean }) {
      await terraform("init", "-input=false");
      await terraform("apply", ...argumentsFor(mayPull));
      const { registry_host, namespace, repository, kubeconfig } = JSON.parse(
        await terraform("output", "-json"),
      ) as Output;
      const images = `${registry_host.value}/${namespace.value}/${repository.value}`;
      return {
        /** Of the tenancy. */
        names: [registry_host.value, namespace.value, repository.value],
        registryHost: registry_host.value,
        ...{ images, image: `${images}:1`, controllerImage: `${images}:pull-secrets`, kubeconfig: kubeconfig.value },
      };
    },
    async destroy(): Promise<void> {
      await terraform("destroy", ...argumentsFor(true));
    },
  };
}
