/**
 * A registry that accepts the current token only, as OCIR would once the one before has expired: `node strict-registry.ts HOST:PORT`, without
 * TLS. It has one artifact of Flux and one Helm chart, each in a repository of the same name. The token is `POST`ed to `/token`.
 */
import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const TAG = "1.0.0";
const CHART = { apiVersion: "v2", name: "chart", version: TAG };
/** By digest. */
const blobs = new Map<string, Buffer>();
/** By repository. */
const manifests = new Map([
  ["acme/manifests", manifestOf("application/vnd.cncf.flux", { name: "acme" }, { "config.yaml": "a: b\n" })],
  ["acme/chart", manifestOf("application/vnd.cncf.helm", CHART, { "chart/Chart.yaml": JSON.stringify(CHART) })],
]);
let token = "";

createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? "", "http://registry");
  if (pathname === "/token") {
    token = await text(request);
    return void response.end();
  }
  const login = Buffer.from(`BEARER_TOKEN:${token}`).toString("base64");
  if (request.headers.authorization !== `Basic ${login}`) {
    const body = JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "the token is not the current one" }] });
    return void response.writeHead(401, { "www-authenticate": 'Basic realm="strict"' }).end(body);
  }
  const [, repository = "", kind = "", reference = ""] =
    /^\/v2\/(.+)\/(tags|manifests|blobs)\/(.+)$/.exec(pathname) ?? [];
  const manifest = manifests.get(repository);
  if (pathname === "/v2/") send(response, Buffer.from("{}"), "application/json");
  else if (kind === "tags")
    send(response, Buffer.from(JSON.stringify({ name: repository, tags: [TAG] })), "application/json");
  else if (kind === "manifests") send(response, manifest, MANIFEST);
  else send(response, blobs.get(reference), "application/octet-stream");
}).listen(Number(process.argv[2]?.split(":")[1]), process.argv[2]?.split(":")[0]);

function send(response: ServerResponse, content: Buffer | undefined, type: string): void {
  if (content === undefined) return void response.writeHead(404).end();
  const headers = {
    "content-type": type,
    "content-length": content.length,
    "docker-content-digest": digestOf(content),
  };
  response.writeHead(200, headers).end(content);
}

function manifestOf(type: string, config: object, files: Readonly<Record<string, string>>): Buffer {
  const content = type.endsWith("helm") ? `${type}.chart.content.v1.tar+gzip` : `${type}.content.v1.tar+gzip`;
  const layer = blob(gzipSync(Buffer.concat([...Object.entries(files).map(tarEntry), Buffer.alloc(1_024)])), content);
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: blob(Buffer.from(JSON.stringify(config)), `${type}.config.v1+json`),
    layers: [layer],
  };
  return Buffer.from(JSON.stringify(manifest));
}

function blob(content: Buffer, mediaType: string): object {
  const digest = digestOf(content);
  blobs.set(digest, content);
  return { mediaType, digest, size: content.length };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** A regular file in the format ustar. */
function tarEntry([name, content]: [string, string]): Buffer {
  const header = Buffer.alloc(512);
  const size = Buffer.byteLength(content);
  header.write(name, 0);
  for (const [offset, value] of [
    [100, "0000644\0"],
    [108, "0000000\0"],
    [116, "0000000\0"],
    [136, "00000000000\0"],
  ] as const)
    header.write(value, offset);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("        0", 148);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (size % 512)) % 512)]);
}
