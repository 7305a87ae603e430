/**
 * The Terraform of the first run, evaluated without Oracle's provider: resources become `terraform_data`, and what only Oracle knows
 * becomes a text. So values are checked here, and names of attributes are not.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { lackOfTerraform, planIn, runTerraform } from "../terraform-program.ts";

const MAIN = join(import.meta.dirname, "terraform/main.tf");
const SOURCES = ["9.6-2026.09.01-0-OKE-1.34.1-1", "8.10-2026.09.01-0-OKE-1.34.1-1", "9.6-2026.09.01-0-OKE-1.33.1-1"];

/** The configuration for `terraform_data` alone. */
function withoutProvider(text: string): string {
  let blocks = 0;
  const sources = SOURCES.map((name) => ({ image_id: `image ${name}`, source_name: `Oracle-Linux-${name}` }));
  return text
    .replace(/^(?:terraform|provider "oci"|data "\w+" "\w+") \{\n[\s\S]*?^\}$/gm, "")
    .replace("data.oci_containerengine_node_pool_option.all.sources", JSON.stringify(sources))
    .replace("data.oci_identity_availability_domains.all.availability_domains[0].name", '"AD"')
    .replace(/\bdata\.oci_\w+\.\w+\.(\w+)/g, '"$1"')
    .replace(/^ {2}lifecycle \{\n[\s\S]*?^ {2}\}\n/gm, "")
    .replace(/^( +)(\w+) \{$/gm, (_line, space, name) => `${space}${name}_${blocks++} = {`)
    .replace(/^ {2}count +=.*\n/gm, "")
    .replace(/\b(oci_\w+)\.(\w+)\.(\w+)\b/g, '"$1 $3"')
    .replace(
      /^resource "(\w+)" "(\w+)" \{\n([\s\S]*?)^\}$/gm,
      'resource "terraform_data" "$1_$2" {\n  input = {\n$3  }\n}',
    );
}

describe.skipIf(lackOfTerraform !== "")(`main.tf${lackOfTerraform}`, () => {
  const folder = temporaryFolder();

  it("is formatted", () => {
    expect(runTerraform(folder, "fmt", "-check", "-diff", MAIN)).toBe("");
  });

  it("gives the node the newest image of its system, the script with the archive's address, and two policies", () => {
    writeFileSync(join(folder, "main.tf"), withoutProvider(readFileSync(MAIN, "utf8")));
    writeFileSync(join(folder, "node.sh"), "#!/bin/sh\necho node\n");
    const variables = {
      ...{ region: "us-ashburn-1", tenancy_id: "TENANCY", compartment_id: "COMPARTMENT", oracle_linux: "8" },
      ...{ kubernetes_version: "v1.34.1", archive: "/dist/a.tar.gz", node_script: "node.sh", may_pull: true },
    };
    runTerraform(folder, "init", "-backend=false", "-input=false");
    const planned = planIn(folder, variables);
    const { node_metadata: metadata, ...pool } = planned["oci_containerengine_node_pool_live"];
    expect(JSON.stringify(pool)).toContain("image 8.10-2026.09.01-0-OKE-1.34.1-1");
    expect(Buffer.from(metadata.user_data, "base64").toString()).toBe(
      "#!/bin/sh\nexport OCIR_BROKER_SOURCES='https://objectstorage.us-ashburn-1.oraclecloud.com" +
        "oci_objectstorage_preauthrequest access_uri'\n#!/bin/sh\necho node\n",
    );
    expect(planned["oci_identity_policy_node"].statements).toEqual([
      "Allow dynamic-group oci_identity_dynamic_group name to read repos in compartment id COMPARTMENT",
    ]);
    expect(planned["oci_identity_policy_service_account"].statements).toEqual([
      "Allow any-user to read repos in compartment id COMPARTMENT where all {request.principal.type = 'workload', " +
        "request.principal.cluster_id = 'oci_containerengine_cluster id', " +
        "request.principal.namespace = 'ocir-live', request.principal.service_account = 'puller'}",
    ]);
  });
});
