// Requests to the house: JSON both ways, naming the version that a change starts from.
export interface Answered<Body> {
  ok: boolean;
  status: number;
  body: Body & { code?: string; detail?: string };
}

const token = (): string => document.querySelector<HTMLInputElement>("input[name=csrfmiddlewaretoken]")?.value ?? "";

/** GET an address, or PUT `given` to it: as a change of `version`, or as a new record where there is none yet (0). */
export async function ask<Body>(url: string, given?: unknown, version = 0): Promise<Answered<Body>> {
  const condition: Record<string, string> = version ? { "If-Match": `"${version}"` } : { "If-None-Match": "*" };
  const change = { method: "PUT", body: JSON.stringify(given), headers: { "X-CSRFToken": token(), ...condition } };
  const { headers = {}, ...rest } = given === undefined ? {} : change;
  try {
    const answer = await fetch(url, { ...rest, headers: { Accept: "application/json", ...headers } });
    return { ok: answer.ok, status: answer.status, body: await answer.json() };
  } catch {
    return { ok: false, status: 0, body: {} as Answered<Body>["body"] };
  }
}
