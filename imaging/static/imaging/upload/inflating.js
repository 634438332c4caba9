// The first bytes that come out of a deflated blob; what follows is not looked at.

export async function inflated(blob, most) {
  const reader = blob.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const pieces = [];
  let length = 0;
  try {
    while (length < most) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
      length += value.length;
    }
  } catch {
    // The blob ends in the middle, or is damaged: what came out before is all there is.
  }
  reader.cancel().catch(() => {});
  return new Uint8Array(await new Blob(pieces).slice(0, most).arrayBuffer());
}
