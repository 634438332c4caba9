// Declared fields of a form: what is not asked is not shown and not sent, and a value outside its usual range asks why.
// The server judges the same conditions again.

for (const form of document.querySelectorAll("[data-answers]")) {
  const named = (code) => [...form.querySelectorAll(`[name="${form.dataset.answers}${code}"]`)];
  const given = (code) => {
    const controls = named(code);
    const chosen = controls[0]?.type === "radio" ? controls.find((one) => one.checked) : controls[0];
    return chosen ? chosen.value : "";
  };
  const asked = (code) => {
    const { onlyIf, onlyIfIs } = named(code)[0]?.dataset ?? {};
    return !onlyIf || (onlyIfIs.split(" ").includes(given(onlyIf)) && asked(onlyIf));
  };
  const unusual = ({ confirms, usualLeast, usualMost }) => {
    const typed = given(confirms);
    const number = Number(typed);
    return typed !== "" && asked(confirms) && (number < Number(usualLeast ?? -Infinity) || number > Number(usualMost ?? Infinity));
  };
  const show = (control, wanted) => {
    control.closest(".px-field").hidden = !wanted;
    control.disabled = !wanted;
  };
  const update = () => {
    for (const control of form.querySelectorAll("[data-only-if]")) {
      show(control, asked(control.name.slice(form.dataset.answers.length)));
    }
    for (const control of form.querySelectorAll("[data-confirms]")) show(control, unusual(control.dataset));
    for (const part of form.querySelectorAll("[data-answers-part]")) {
      part.hidden = ![...part.querySelectorAll(".px-field")].some((field) => !field.hidden);
    }
  };
  form.addEventListener("input", update);
  form.addEventListener("change", update);
  update();
}
