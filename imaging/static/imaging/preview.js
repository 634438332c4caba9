// The preview's page: a whole folder can be chosen, of which as many files are tried as the server takes, evenly spread.

const form = document.querySelector("[data-preview]");
const images = form.querySelector("input[type=file][name=images]");
const folder = form.querySelector("[data-folder]");
const said = form.querySelector("[data-said]");
const [MOST, MOST_BYTES] = [Number(form.dataset.mostFiles), Number(form.dataset.mostBytes)];
const JUNK = /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini|DICOMDIR)$/i;

function spread(files) {
  let taken = files;
  const step = files.length / MOST;
  if (step > 1) taken = Array.from({ length: MOST }, (_, at) => files[Math.floor(at * step)]);
  let bytes = 0;
  return taken.filter((file) => file.size && (bytes += file.size) <= MOST_BYTES);
}

function choose(files) {
  const taken = spread(files);
  const chosen = new DataTransfer();
  for (const file of taken) chosen.items.add(file);
  images.files = chosen.files;
  if (!taken.length) said.textContent = "No file that can be tried is among them: they are empty or too large.";
  else if (taken.length < files.length) said.textContent = `${taken.length} of ${files.length} files are tried, spread evenly over them.`;
  else said.textContent = "";
}

folder.addEventListener("change", () => {
  const byName = (one, other) => one.webkitRelativePath.localeCompare(other.webkitRelativePath, undefined, { numeric: true });
  choose([...folder.files].filter((file) => !JUNK.test(file.webkitRelativePath)).sort(byName));
  folder.value = "";
});
images.addEventListener("change", () => choose([...images.files]));
