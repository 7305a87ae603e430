/** Argo CD's repository database and Helm client, in a program of a few lines: `go/argocd`. */
import { ARGO_CD, lackOf } from "./consumer-programs.ts";
import type { KubernetesNode } from "./kubernetes-node.ts";
import { serve, untilAnswered } from "./services.ts";

const ADDRESS = "127.0.0.1:9792";

export const lackOfArgoCd = lackOf([ARGO_CD.path]);
export const ARGO_CD_FILES = [{ from: ARGO_CD.path, to: "/usr/bin/argocd-charts", mode: 0o755 }];

interface Chart {
  readonly username: string;
  readonly password: string;
  readonly versions: readonly string[] | null;
  readonly error: string;
  readonly dependencies: number;
}

/** It needs helm, as Argo CD does. */
export async function startArgoCd({ root }: KubernetesNode) {
  const environment = ["Environment=KUBECONFIG=/etc/kubernetes/admin.conf"];
  const unit = await serve(root, "argocd", ["argocd-charts", ADDRESS], environment);
  await untilAnswered(root, unit, `http://${ADDRESS}/?repo=example.com/none`);
  return {
    /** Pulls the chart `chart` as for an Application with this `repoURL`. */
    async pull(repo: string, version: string): Promise<Chart> {
      const query = new URLSearchParams({ repo, chart: "chart", version });
      return JSON.parse(await root.run("curl", ["-sSf", `http://${ADDRESS}/?${query}`]));
    },
    process: () => root.property(unit, "MainPID"),
  };
}
