// Rows that can be added to a form: clones the template row and numbers it as Django's formsets expect.

for (const set of document.querySelectorAll("[data-formset]")) {
  const total = set.querySelector(`[name="${set.dataset.formset}-TOTAL_FORMS"]`);
  const template = set.querySelector("[data-formset-template]");
  const button = set.querySelector("[data-formset-add]");
  button.addEventListener("click", () => {
    const row = document.createElement("div");
    row.innerHTML = template.innerHTML.replaceAll("__prefix__", total.value);
    total.value = Number(total.value) + 1;
    const added = row.firstElementChild;
    template.before(added);
    added.querySelector("input, select")?.focus();
  });
}
