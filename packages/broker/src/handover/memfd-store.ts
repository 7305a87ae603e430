/**
 * Stores bytes that outlive the process, in a memfd of fixed size that the service manager keeps. Two slots ensure that the
 * previous write is intact if the process is killed during a write.
 *
 * Does not interpret the bytes. Erases replaced bytes, because they are secrets. Throws errors of node:fs.
 */
import { createHash } from "node:crypto";
import { fstatSync, readSync, writeSync } from "node:fs";

type StoreRead =
  /** `isTorn`: a later write is incomplete. */
  | { readonly kind: "whole"; readonly payload: Buffer; readonly isTorn: boolean }
  | { readonly kind: "empty" }
  /** There are bytes, but no complete write. */
  | { readonly kind: "broken" };

export interface MemfdStore {
  /** The largest payload. */
  readonly maxBytes: number;
  read(): StoreRead;
  /** @throws RangeError for a payload that is too large. */
  write(payload: Uint8Array): void;
  /** Overwrites everything with zeros. */
  erase(): void;
}

interface Slot {
  readonly offset: number;
  /** Bytes after this, counted from the offset, are zero. */
  usedBytes: number;
  /** The sequence number of a complete write. */
  sequence: bigint | undefined;
}

/** Changes with the layout of slot and header; a slot with another mark is ignored. */
const MARK = Buffer.from("ocirmem1");

/** Mark (8), sequence (8), payload length (4), four zeros, then the SHA-256 (32) of these fields and the payload. */
const SEQUENCE_AT = 8;
const LENGTH_AT = 16;
const DIGEST_AT = 24;
const HEADER_BYTES = 56;

/** @throws TypeError for a file with a name, and errors of node:fs. */
export function createMemfdStore(fd: number): MemfdStore {
  const { size, nlink } = fstatSync(fd);
  // A file with a name may be on a disk.
  if (nlink > 0) throw new TypeError("the descriptor is not anonymous memory");
  const slotBytes = Math.floor(size / 2);
  const maxBytes = slotBytes - HEADER_BYTES;
  const slots: readonly [Slot, Slot] = [newSlot(0), newSlot(slotBytes)];

  /** Before it is read, a whole slot counts as used. */
  function newSlot(offset: number): Slot {
    return { offset, usedBytes: slotBytes, sequence: undefined };
  }

  function readSlot(slot: Slot): Buffer | undefined {
    const bytes = Buffer.alloc(slotBytes);
    for (let at = 0, count = 1; count > 0; at += count) {
      count = readSync(fd, bytes, at, slotBytes - at, slot.offset + at);
    }
    slot.usedBytes = usedBytesOf(bytes);
    slot.sequence = undefined;
    const length = bytes.readUInt32LE(LENGTH_AT);
    if (!bytes.subarray(0, MARK.length).equals(MARK) || length > maxBytes) return undefined;
    const payload = bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
    if (!bytes.subarray(DIGEST_AT, HEADER_BYTES).equals(digestOf(bytes, payload))) return undefined;
    slot.sequence = bytes.readBigUInt64LE(SEQUENCE_AT);
    return payload;
  }

  function read(): StoreRead {
    const found = slots.map((slot) => ({ slot, payload: readSlot(slot) })).sort(laterFirst);
    const isTorn = slots.some(({ sequence, usedBytes }) => sequence === undefined && usedBytes > 0);
    const payload = found[0]?.payload;
    if (payload !== undefined) return { kind: "whole", payload, isTorn };
    return isTorn ? { kind: "broken" } : { kind: "empty" };
  }

  function write(payload: Uint8Array): void {
    if (payload.length > maxBytes) throw new RangeError("the state is too large");
    const [live, spare] = isLater(slots[0], slots[1]) ? slots : [slots[1], slots[0]];
    const sequence = (live.sequence ?? 0n) + 1n;
    const header = Buffer.alloc(HEADER_BYTES);
    MARK.copy(header);
    header.writeBigUInt64LE(sequence, SEQUENCE_AT);
    header.writeUInt32LE(payload.length, LENGTH_AT);
    digestOf(header, payload).copy(header, DIGEST_AT);

    // The header is written last: until it is complete, the other slot counts. That slot is then erased.
    eraseSlot(spare);
    spare.usedBytes = HEADER_BYTES + payload.length;
    writeWhole(payload, spare.offset + HEADER_BYTES);
    writeWhole(header, spare.offset);
    spare.sequence = sequence;
    eraseSlot(live);
  }

  function eraseSlot(slot: Slot): void {
    if (slot.usedBytes > 0) writeWhole(Buffer.alloc(slot.usedBytes), slot.offset);
    slot.usedBytes = 0;
    slot.sequence = undefined;
  }

  function writeWhole(bytes: Uint8Array, offset: number): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, offset + at);
  }

  return { maxBytes, read, write, erase: () => slots.forEach(eraseSlot) };
}

function digestOf(header: Buffer, payload: Uint8Array): Buffer {
  return createHash("sha256").update(header.subarray(0, DIGEST_AT)).update(payload).digest();
}

function isLater(a: Slot, b: Slot): boolean {
  return (a.sequence ?? -1n) > (b.sequence ?? -1n);
}

function laterFirst(a: { readonly slot: Slot }, b: { readonly slot: Slot }): number {
  return isLater(a.slot, b.slot) ? -1 : 1;
}

function usedBytesOf(bytes: Buffer): number {
  const zeros = Buffer.alloc(4_096);
  let end = bytes.length;
  while (end > zeros.length && bytes.compare(zeros, 0, zeros.length, end - zeros.length, end) === 0) {
    end -= zeros.length;
  }
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}
