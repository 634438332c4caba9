// Questions to the server, and what its refusals mean for whoever asked.

const UNCLEAR = "The server did not take this. Reload the page and try again.";

// May pass: the network, or the server in trouble. Waiting and trying again helps.
export class Lost extends Error {
  constructor(sentence = "The connection is lost.") {
    super(sentence);
  }
}

// Signed out meanwhile: the server sent us to the page for signing in.
export class SignedOut extends Error {
  constructor() {
    super("You are signed out. What was sent is safe: sign in again in another tab, then continue here.");
  }
}

// Final: the server's sentence why.
export class Refused extends Error {
  constructor(sentence = UNCLEAR, code = "") {
    super(sentence);
    this.code = code;
  }
}

// Busy, full, or failing for now; the rest of 4xx stays as it is however often it is tried.
const PASSING = new Set([408, 423, 425, 429]);

export function problemOf(status, body) {
  const said = parsed(body);
  // What is not in our words comes from something in between, or from a session that ended under the request.
  if (status === 0 || status >= 500 || PASSING.has(status) || !said) return new Lost(said?.detail);
  return new Refused(said?.detail, said?.code ?? (status === 404 ? "not_found" : ""));
}

// From the cookie and not from the page: signing in again, in another tab, renews it.
export const headers = () => ({
  "X-CSRFToken": document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "",
  Accept: "application/json",
});

export async function ask(url, question) {
  let answer;
  let body;
  try {
    const content = question ? { body: JSON.stringify(question) } : {};
    answer = await fetch(url, { method: "POST", headers: { ...headers(), "Content-Type": "application/json" }, ...content });
    body = await answer.text();
  } catch {
    throw new Lost();
  }
  if (answer.redirected) throw new SignedOut();
  if (!answer.ok) throw problemOf(answer.status, body);
  return parsed(body);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
