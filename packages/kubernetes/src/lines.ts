/** The lines of a watch. `node:readline` does not limit lines, and reads ahead without demand. */
const LINE_FEED = 10;

/** Yields the lines of a body. A line of more than `maxBytes` is dropped as it arrives. */
export async function* linesOf(body: AsyncIterable<Buffer>, maxBytes: number): AsyncIterable<string> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  const add = (piece: Buffer): void => {
    bytes += piece.length;
    if (bytes <= maxBytes) pieces.push(piece);
    else pieces = [];
  };
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      add(chunk.subarray(start, end));
      if (bytes <= maxBytes) yield Buffer.concat(pieces).toString();
      [pieces, bytes] = [[], 0];
      start = end + 1;
    }
    add(chunk.subarray(start));
  }
}
