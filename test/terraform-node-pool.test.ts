/**
 * The Terraform example, evaluated by terraform or tofu without Oracle's provider, which comes from a registry: its resources
 * become `terraform_data`, which is built in. So values are checked here, and names of attributes are not.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeAll, describe, expect, it } from "vitest";
import { lackOfTerraform, planIn, runTerraform } from "./terraform-program.ts";

const CLOUD_INIT = join(import.meta.dirname, "../cloud-init");
const EXAMPLE = join(CLOUD_INIT, "terraform-node-pool.tf");
const NODE_SCRIPT = "ocir-broker-node.sh";
const script = readFileSync(join(CLOUD_INIT, NODE_SCRIPT), "utf8");
/** The example expects these in the configuration that it is merged into. */
const GIVEN = { cluster_id: "CLUSTER", compartment_id: "NODES", tenancy_id: "TENANCY" };

describe.skipIf(lackOfTerraform !== "")(`terraform-node-pool.tf${lackOfTerraform}`, () => {
  const folder = temporaryFolder();
  const plan = (variables: object) => planIn(folder, { ...GIVEN, ...variables });

  /** The settings that the node's user data passes to the script, which it ends with. */
  function settingsIn({ workers = {} }: ReturnType<typeof plan>): string[] {
    const { user_data: encoded } = workers["node_metadata"] as { user_data: string };
    const [head = "", rest] = Buffer.from(encoded, "base64").toString().split(script);
    expect([head.slice(0, 10), rest]).toEqual(["#!/bin/sh\n", ""]);
    return execFileSync("sh", { input: `${head}\nexec env`, env: {}, encoding: "utf8" })
      .split("\n")
      .filter((line) => /^(?:OCIR_BROKER|KUBELET)/.test(line))
      .sort();
  }

  beforeAll(() => {
    const example = readFileSync(EXAMPLE, "utf8")
      .replace(/^resource "\w+" ("\w+") \{\n([\s\S]*?)^\}$/gm, 'resource "terraform_data" $1 {\n  input = {\n$2  }\n}')
      .replace(/\boci_\w+\.(\w+)\.name\b/g, "terraform_data.$1.input.name");
    writeFileSync(join(folder, "example.tf"), example);
    const given = Object.keys(GIVEN).map((name) => `variable "${name}" {}\n`);
    writeFileSync(join(folder, "given.tf"), given.join(""));
    copyFileSync(join(CLOUD_INIT, NODE_SCRIPT), join(folder, NODE_SCRIPT));
    runTerraform(folder, "init", "-backend=false", "-input=false");
  });

  it("is formatted", () => {
    expect(runTerraform(folder, "fmt", "-check", "-diff", EXAMPLE)).toBe("");
  });

  it("gives nodes the script without settings, and access to their compartment's images, by default", () => {
    const planned = plan({});
    expect(settingsIn(planned)).toEqual([
      "KUBELET_EXTRA_ARGS=",
      "OCIR_BROKER_SERVICE_ACCOUNTS=",
      "OCIR_BROKER_SOURCES=",
    ]);
    expect(planned["nodes"]).toMatchObject({ matching_rule: "ALL {instance.compartment.id = 'NODES'}" });
    expect(planned["pull"]).toMatchObject({
      statements: ["Allow dynamic-group oke-nodes to read repos in compartment id NODES"],
    });
  });

  it("passes on a source, an audience, arguments of the kubelet and other compartments", () => {
    const planned = plan({
      ocir_broker: {
        sources: "https://mirror.example/a /opt/b",
        service_accounts: "https://issuer.example",
        kubelet_extra_args: "--v=2 --max-pods=20",
      },
      repository_compartment_ids: ["A", "B"],
    });
    expect(settingsIn(planned)).toEqual([
      "KUBELET_EXTRA_ARGS=--v=2 --max-pods=20",
      "OCIR_BROKER_SERVICE_ACCOUNTS=https://issuer.example",
      "OCIR_BROKER_SOURCES=https://mirror.example/a /opt/b",
    ]);
    expect(planned["pull"]).toMatchObject({
      statements: [
        "Allow dynamic-group oke-nodes to read repos in compartment id A",
        "Allow dynamic-group oke-nodes to read repos in compartment id B",
      ],
    });
  });
});
