/**
 * Serves the files of one folder over HTTP by their names, as a bucket does, or as keys of the metadata service:
 * `node serve-folder.mjs FOLDER ADDRESS PORT`.
 */
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";

const [, , folder, address, port] = process.argv;
createServer((request, response) => {
  const path = join(folder, basename(request.url));
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile()) return response.writeHead(404).end();
  response.writeHead(200, { "content-length": found.size });
  createReadStream(path).pipe(response);
}).listen(Number(port), address);
