// Stands in for Cornerstone's registration of a worker that computes statistics of segmentations: the server does that.
export function registerComputeWorker(): void {}
