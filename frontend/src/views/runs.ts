// Painted pixels as runs: numbers of pixels outside and inside, in turn, row by row; what is left over lies outside.
export function runsOf(mask: Uint8Array): number[] {
  const runs: number[] = [];
  let inside = 0;
  let from = 0;
  for (let n = 0; n < mask.length; n += 1) {
    if (mask[n] === inside) continue;
    runs.push(n - from);
    from = n;
    inside = 1 - inside;
  }
  if (inside) runs.push(mask.length - from);
  return runs;
}

export function maskOf(runs: readonly number[], pixels: number): Uint8Array {
  const mask = new Uint8Array(pixels);
  let at = 0;
  runs.forEach((run, n) => {
    if (n % 2) mask.fill(1, at, at + run);
    at += run;
  });
  return mask;
}

export function count(mask: Uint8Array): number {
  let inside = 0;
  for (const value of mask) inside += value;
  return inside;
}
