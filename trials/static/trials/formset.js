// Rows that can be added to a form: clones the template row and numbers it as Django's formsets expect. A row may hold
// rows itself; the mark that stands for the number of a new row is another one there.

document.addEventListener("click", (event) => {
  const set = event.target.closest("[data-formset-add]")?.closest("[data-formset]");
  if (!set) return;
  const total = set.querySelector(`[name="${set.dataset.formset}-TOTAL_FORMS"]`);
  const template = set.querySelector(":scope > [data-formset-template]");
  const row = document.createElement("div");
  row.innerHTML = template.innerHTML.replaceAll(set.dataset.formsetMark ?? "__prefix__", total.value);
  total.value = Number(total.value) + 1;
  const added = row.firstElementChild;
  template.before(added);
  added.querySelector("input, select")?.focus();
});
