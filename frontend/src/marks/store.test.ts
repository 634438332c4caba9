import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mark } from "../mark.ts";
import { type Choose, Store } from "./store.ts";

const mark: Mark = {
  key: "k",
  version: 0,
  tool: "length",
  series: "s",
  instance: "i",
  frame: 1,
  points: [[0, 0, 0], [1, 0, 0]],
  view: {},
  software: "test",
  lesion: null,
  removed: false,
};
const longer: Mark = { ...mark, points: [[0, 0, 0], [2, 0, 0]] };

type Sent = { headers: Record<string, string>; mark: Mark };
type Reply = Response | "lost" | ((sent: Sent) => Response);
const stored = (version: number, of = mark): Response => Response.json({ mark: { ...of, version } });
const stale = (version: number, of = mark): Response =>
  Response.json({ code: "stale_mark", mark: { ...of, version } }, { status: 409 });

/** A store whose server gives these answers in turn, and what was sent to it. */
function at(replies: Reply[], choose: Choose = () => Promise.reject(new Error("nobody asked"))) {
  const sent: Sent[] = [];
  const waited: number[] = [];
  const told: string[] = [];
  const store = new Store("/marks/", choose, {
    fetch: (_url, request) => {
      const { headers, body } = request as { headers: Record<string, string>; body?: string };
      const one = { headers, mark: JSON.parse(body ?? "{}") as Mark };
      sent.push(one);
      const reply = replies.shift();
      if (!reply || reply === "lost") return Promise.reject(new TypeError("lost"));
      return Promise.resolve(typeof reply === "function" ? reply(one) : reply);
    },
    csrf: () => "token",
    wait: (milliseconds) => Promise.resolve(void waited.push(milliseconds)),
    told: (waiting, lost) => told.push(`${waiting}${lost ? " lost" : ""}`),
  });
  return { store, sent, waited, told };
}

test("a new mark is stored as new, and a change with the version that it started from", async () => {
  const { store, sent } = at([stored(1), stored(2)]);
  assert.equal((await store.store(mark)).version, 1);
  await store.store(mark);
  assert.deepEqual(sent.map(({ headers }) => [headers["If-None-Match"], headers["If-Match"]]), [
    ["*", undefined],
    [undefined, '"1"'],
  ]);
  assert.equal(sent[0]?.headers["X-CSRFToken"], "token");
});

test("a change that is drawn while another is on its way waits for it, and starts from it", async () => {
  const { store, sent } = at([stored(1), stored(2, longer)]);
  const [, second] = await Promise.all([store.store(mark), store.store(longer)]);
  assert.equal(second.version, 2);
  assert.deepEqual([sent[1]?.headers["If-Match"], sent[1]?.mark.points], ['"1"', longer.points]);
});

test("over a lost network a mark is sent again until it is answered", async () => {
  const { store, waited, told } = at(["lost", new Response("", { status: 502 }), "lost", stored(1)]);
  assert.equal((await store.store(mark)).version, 1);
  assert.deepEqual(waited, [1000, 2000, 4000]);
  assert.deepEqual(told, ["1", "1 lost", "1 lost", "1 lost", "1"]);
});

test("the reader keeps what was drawn here: it is stored on top of what stands", async () => {
  const asked: number[] = [];
  const { store, sent } = at([stored(1), stale(4), stored(5, longer)], (other) => {
    asked.push(other.version);
    return Promise.resolve("mine");
  });
  await store.store(mark);
  assert.equal((await store.store(longer)).version, 5);
  assert.deepEqual([asked, sent[2]?.headers["If-Match"], sent[2]?.mark.points], [[4], '"4"', longer.points]);
});

test("the reader takes the other: what stands is shown, and nothing is stored", async () => {
  const { store, sent } = at([stored(1), stale(4, longer), stored(5)], () => Promise.resolve("stored"));
  await store.store(mark);
  const shown = await store.store(mark);
  assert.deepEqual([shown.version, shown.points, sent.length], [4, longer.points, 2]);
  await store.store(mark);
  assert.equal(sent[2]?.headers["If-Match"], '"4"');
});

test("what is refused is told in the server's words, and later changes still go", async () => {
  const refused = Response.json({ code: "read_locked", detail: "The read is signed." }, { status: 409 });
  const { store } = at([refused, stored(1)]);
  await assert.rejects(store.store(mark), /^Error: The read is signed\.$/);
  assert.equal((await store.store(mark)).version, 1);
});

test("marks that are loaded are known by their versions; earlier reads' are only shown", async () => {
  const { store, sent } = at([
    Response.json({ marks: [{ ...mark, version: 3 }], earlier: [{ ...mark, key: "old", version: 9 }] }),
    stored(4),
    stored(1),
  ]);
  const { marks, earlier } = await store.load();
  assert.deepEqual([marks.length, earlier.length], [1, 1]);
  await store.store(mark);
  assert.equal(sent[1]?.headers["If-Match"], '"3"');
});
