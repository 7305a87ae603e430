/** The node class of docs/consumers/karpenter.md with its script, and the user data that Oracle's Karpenter provider makes of it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { parse } from "yaml";

const PAGE = readFileSync(join(import.meta.dirname, "../docs/consumers/karpenter.md"), "utf8");

interface NodeClass {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly kubeletConfig: { readonly extraArgs: string }; readonly preBootstrapInitScript: string };
}

/** @param script of a release, which the page's command encodes. */
export function nodeClassWith(script: string): NodeClass {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "dist/packages"), { recursive: true });
  writeFileSync(join(folder, "dist/packages/ocir-broker-node.sh"), script);
  const encoded = execFileSync("sh", ["-c", blockOf("sh")], { cwd: folder, encoding: "utf8" });
  const nodeClass = parse(blockOf("yaml"));
  return { ...nodeClass, spec: { ...nodeClass.spec, preBootstrapInitScript: encoded } };
}

/** The decoded script stands in the text, before the bootstrap: it is no process of its own. */
export function userDataOf({ spec }: NodeClass): string {
  const script = Buffer.from(spec.preBootstrapInitScript, "base64").toString();
  const bootstrap = `bash /etc/oke/oke-install.sh --apiserver-endpoint "10.0.0.1" --kubelet-extra-args " ${spec.kubeletConfig.extraArgs}"`;
  return `#!/usr/bin/env bash\n\n${script}\n${bootstrap}\n`;
}

function blockOf(language: string): string {
  const [, text] = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(PAGE) ?? [];
  if (text === undefined) throw new Error(`the page has no block of ${language}`);
  return text;
}
