/** The kubelets' permission, as docs/service-accounts.md has it, for another audience. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const PAGE = join(import.meta.dirname, "../docs/service-accounts.md");
const OKE = "https://kubernetes.default.svc.cluster.local";

export function audienceGrant(audience: string): string {
  const [, yaml] = /```yaml\n(apiVersion: rbac.*?)```/s.exec(readFileSync(PAGE, "utf8")) ?? [];
  if (!yaml?.includes(OKE)) throw new Error("docs/service-accounts.md has no grant");
  return yaml.replace(OKE, audience);
}
