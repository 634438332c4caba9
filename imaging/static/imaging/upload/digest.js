// SHA-256 of a file. What fits into memory with ease goes through the browser's own implementation, in one piece, as
// Web Crypto takes no stream; what does not is hashed in pieces by @noble/hashes, slower but in constant memory, so
// that a ZIP of any size is known by its content and goes on from another machine like everything else.

import { sha256 } from "../../vendor/noble-hashes/sha2.js";

const AT_ONCE = 64 << 20;
const PIECE = 8 << 20;

export async function digest(blob, atOnce = AT_ONCE) {
  if (blob.size <= atOnce && globalThis.crypto?.subtle) {
    return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())));
  }
  const hash = sha256.create();
  for (let at = 0; at < blob.size; at += PIECE) hash.update(new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer()));
  return hex(hash.digest());
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
