/** The instance's metadata service: `node metadata.mjs FOLDER` serves the folder's files as keys. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";

const folder = process.argv[2];
createServer((request, response) => {
  try {
    response.end(readFileSync(join(folder, basename(request.url))));
  } catch {
    response.writeHead(404).end();
  }
}).listen(80, "169.254.169.254");
