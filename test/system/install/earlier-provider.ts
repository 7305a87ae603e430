/** Another provider with our plugin's name on a test node, installed as its documentation says. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { EXAMPLES } from "../../../packages/kubelet-config/test/examples.ts";
import { CONFIG, type OkeNode, PLUGIN } from "./oke-node.ts";

/** As in its documentation, including the trailing slash. */
export const EARLIER_FLAGS = `--image-credential-provider-config=${CONFIG} --image-credential-provider-bin-dir=/usr/local/bin/`;

/** The entry of its documentation, with a value in quotes that the kubelet would refuse otherwise. */
const ORACLES_ENTRY = EXAMPLES[0].text.replace(/^[^-]*/, "").replace("value: false", 'value: "false"');

/** That entry, and entries that could harm a program that reads them. */
export const EARLIER_CONFIG = `# Of the image's maker
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: other-provider
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages: ["registry.example.com"] # ours
  defaultCacheDuration: 1h
${ORACLES_ENTRY}  - name: OCI_REGION_METADATA
    value: "no JSON"
  - name: OCI_CONFIG_FILE
    value: /nonexistent
  - name: OCI_RESOURCE_PRINCIPAL_VERSION
    value: "2.2"
  - name: HTTP_PROXY
    value: http://127.0.0.1:1
  - name: ALL_PROXY
    value: http://127.0.0.1:1
  - name: NODE_OPTIONS
    value: --require=/nonexistent.js
  - name: NODE_EXTRA_CA_CERTS
    value: /nonexistent.pem
  - name: LD_PRELOAD
    value: /nonexistent.so
`;

const program = join(temporaryFolder(), "program");
execFileSync("cc", ["-Os", "-o", program, join(import.meta.dirname, "earlier-provider.c")]);
/** An executable like the existing one. */
export const EARLIER_PROVIDER = readFileSync(program);

export function putEarlierProvider({ root }: OkeNode): void {
  root.write(CONFIG, EARLIER_CONFIG, 0o640);
  root.write(PLUGIN, EARLIER_PROVIDER, 0o750);
  root.write("/usr/local/bin/other-provider", "#!/bin/sh\n", 0o755);
}
