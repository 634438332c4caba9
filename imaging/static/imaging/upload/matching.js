// Which series answers to which of the charter's rules, by the same measure as the server's check afterwards
// (imaging/quality/matching.py): so that what is said before sending is what QC will see.

// Series of what was chosen, by UID; an instance that comes twice counts once.
export function seriesOf(items) {
  const found = new Map();
  for (const item of items) {
    for (const image of item.images ?? []) {
      const key = image.series || "unknown";
      if (!found.has(key)) {
        const { modality, description, number, study, date } = image;
        found.set(key, {
          key, modality, description, number, study, date, images: 0, files: 0, thickness: null, stacks: new Map(),
          seen: new Set(), items: new Set(),
        });
      }
      const series = found.get(key);
      series.items.add(item);
      if (image.instance && series.seen.has(image.instance)) continue;
      series.seen.add(image.instance);
      series.files += 1;
      series.images += image.frames;
      series.thickness = Math.max(series.thickness ?? 0, image.thickness ?? 0) || null;
      series.stacks.set(image.orientation, (series.stacks.get(image.orientation) ?? 0) + image.frames);
    }
  }
  for (const series of found.values()) {
    // A scout lies in another plane than the rest, and does not count as a slice of it.
    [series.orientation, series.slices] = [...series.stacks].sort((one, other) => other[1] - one[1])[0];
  }
  return [...found.values()].sort((one, other) => Number(one.number) - Number(other.number) || (one.key < other.key ? -1 : 1));
}

// Rule label to series, each series once; required rules are served first.
export function match(series, rules) {
  const pairs = rules.flatMap((rule, n) =>
    series.filter((one) => one.modality === rule.modality)
      .map((one) => ({ rule, n, one, order: [rule.required ? 0 : 1, -likeness(one, rule), -one.slices] })));
  pairs.sort((a, b) => before(a.order, b.order) || (a.one.key < b.one.key ? -1 : a.one.key > b.one.key ? 1 : a.n - b.n));
  const taken = new Map();
  const used = new Set();
  for (const { rule, one } of pairs) {
    if (taken.has(rule.label) || used.has(one)) continue;
    taken.set(rule.label, one);
    used.add(one);
  }
  return taken;
}

function likeness(one, rule) {
  return (rule.orientation && one.orientation === rule.orientation ? 8 : 0)
    + (rule.max_slice_thickness_mm === null || (one.thickness ?? 0) <= rule.max_slice_thickness_mm ? 2 : 0)
    + (one.slices >= (rule.min_instances ?? 1) ? 2 : 0);
}

function before(a, b) {
  const at = a.findIndex((value, n) => value !== b[n]);
  return at < 0 ? 0 : a[at] - b[at];
}
