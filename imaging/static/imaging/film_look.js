// The page on which a person watches a held film: while somebody is here, others are given other images.
import { watch } from "./claim.js";

let decided = false;
document.querySelector("[data-form]")?.addEventListener("submit", () => { decided = true; });
const claim = document.querySelector("[data-claim]");
if (claim) watch(claim, () => decided);
