// Passkeys: hand what the server asks to the browser, and the browser's answer to the form.

const decoded = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const encoded = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const known = (list) => (list || []).map((one) => ({ ...one, id: decoded(one.id) }));

const ASK = {
  get: (asked) => navigator.credentials.get({
    publicKey: { ...asked, challenge: decoded(asked.challenge), allowCredentials: known(asked.allowCredentials) },
  }),
  create: (asked) => navigator.credentials.create({
    publicKey: { ...asked, challenge: decoded(asked.challenge), user: { ...asked.user, id: decoded(asked.user.id) }, excludeCredentials: known(asked.excludeCredentials) },
  }),
};

// The answer as JSON (WebAuthn level 3, PublicKeyCredential.toJSON), also where a browser has no word for it.
function plain({ id, rawId, type, response }) {
  const parts = ["clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject"];
  const said = parts.filter((name) => response[name] && response[name].byteLength).map((name) => [name, encoded(response[name])]);
  return JSON.stringify({ id, rawId: encoded(rawId), type, clientExtensionResults: {}, response: Object.fromEntries(said) });
}

const WHY = {
  NotAllowedError: "Nothing was chosen, or it took too long. Try once more.",
  InvalidStateError: "This device has a passkey of yours already.",
  SecurityError: "The browser makes no passkeys at this address.",
};

for (const form of document.querySelectorAll("[data-passkey-form]")) {
  const root = form.matches("[data-passkey]") ? form : form.querySelector("[data-passkey]");
  const button = root && form.querySelector("[data-passkey-ask]");
  if (!button) continue;
  const said = form.querySelector("[data-passkey-said]");
  const asked = JSON.parse(form.querySelector("#passkey-options").textContent);

  button.addEventListener("click", async () => {
    if (root === form && !form.reportValidity()) return;
    button.disabled = true;
    said.hidden = true;
    try {
      form.querySelector("[data-answer]").value = plain(await ASK[root.dataset.passkey](asked));
      // A password that is asked for beside it stays asked for.
      form.requestSubmit();
    } catch (problem) {
      said.textContent = WHY[problem.name] || "This browser cannot use passkeys here.";
      said.hidden = false;
    }
    button.disabled = false;
  });
}
