/** Judges objects by Kubernetes' own schemas and types. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KubernetesObject } from "./manifest.ts";

const CHECKOUT = join(import.meta.dirname, "../..");

/** Empty if every object is valid and has no unknown field. The schemas allow those; the types derived from them do not. */
export async function errorsOf(objects: readonly KubernetesObject[]): Promise<string[]> {
  return [...(await Promise.all(objects.map(schemaError))), unknownFields(objects)].filter(Boolean);
}

async function schemaError(object: KubernetesObject): Promise<string> {
  const models = `kubernetes-models/${object.apiVersion}`;
  try {
    const { [object.kind]: Model } = await import(models);
    new Model(object).validate();
    return "";
  } catch (error) {
    return `${object.kind} ${object.metadata.name}: ${error}`;
  }
}

function unknownFields(objects: readonly KubernetesObject[]): string {
  const folder = join(CHECKOUT, `dist/test-manifest-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    const lines = objects.map(
      (object, index) => `import type { I${object.kind} as T${index} } from "kubernetes-models/${object.apiVersion}";
export const object${index}: T${index} = ${JSON.stringify(object)};\n`,
    );
    writeFileSync(join(folder, "manifest.ts"), lines.join(""));
    const options = ["--noEmit", "--ignoreConfig", "--strict", "--skipLibCheck", "--module", "nodenext"];
    const tsc = spawnSync(join(CHECKOUT, "node_modules/.bin/tsc"), [...options, join(folder, "manifest.ts")]);
    return tsc.stdout.toString();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
