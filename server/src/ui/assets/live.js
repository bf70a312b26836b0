// The list goes on by itself: events come as they are stored, until someone pauses it. The stream begins with the page
// as it is by then, so that nothing is missing that was stored since the page was made, or while the stream was cut off.

/** The most rows of a list that goes on by itself. */
const ROWS = 300;

/** `older` is told where older events begin once the list is cut. */
export function live(older) {
  const place = document.querySelector("[data-live]");
  if (!place) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  const told = document.createElement("small");
  place.append(" ", button, " ", told);
  /** Rows that came while the list was paused. */
  let held = [];
  /** Whether so many came that the older of them are no longer held. */
  let dropped = false;
  let stream;
  /** Whether the server tells of every event from now on. */
  let open = false;
  let paused = false;
  let came = 0;
  /** Whether the stream began with something that the list has: then nothing is between the two. */
  let joined = false;
  /** What the list lacks, if it lacks something. */
  let lack = "";
  show();

  button.addEventListener("click", () => {
    if (!stream) start();
    else if (paused) resume();
    else paused = true;
    show();
  });
  addEventListener("pagehide", () => stream?.close());

  function start() {
    stream = new EventSource(place.dataset.live);
    stream.addEventListener("found", ({ data }) => {
      const row = read(JSON.parse(data));
      if (has(row)) {
        joined = true;
        return;
      }
      came++;
      held.push(row);
      if (held.length > ROWS) {
        held.shift();
        dropped = true;
      }
      if (!paused) flush();
      show();
    });
    stream.addEventListener("caught_up", ({ data }) => {
      if (JSON.parse(data).more && !joined) lack = "More events came meanwhile than a page takes: refresh to see all.";
      show();
    });
    stream.addEventListener("missed", ({ data }) => {
      const { events } = JSON.parse(data);
      lack = `Some events came too fast to be shown${events ? ` (${events} stored)` : ""}: refresh to see all.`;
      show();
    });
    stream.addEventListener("open", () => {
      open = true;
      joined = false;
      show();
    });
    stream.addEventListener("error", () => {
      open = false;
      const over = stream.readyState === EventSource.CLOSED;
      if (over) stream = undefined;
      show(over ? "The server has ended it. Try again, or refresh to sign in." : "Connecting again …");
    });
  }

  /** Rows are made and escaped by the server, as those of the page are. */
  function read(row) {
    const template = document.createElement("template");
    template.innerHTML = row;
    return template.content.firstElementChild;
  }

  /** Whether the event of a row is in the list, or will be. */
  function has(row) {
    const link = (of) => of.querySelector("a.detail").getAttribute("href");
    const sought = link(row);
    return [...document.querySelectorAll("#events > tr"), ...held].some((other) => link(other) === sought);
  }

  function resume() {
    paused = false;
    flush();
  }

  function flush() {
    const rows = document.querySelector("#events");
    document.querySelector("[data-none]")?.remove();
    rows.closest("[hidden]")?.removeAttribute("hidden");
    // What is between them and the list is where older events are.
    if (dropped) rows.replaceChildren();
    dropped = false;
    for (const row of held.splice(0)) {
      row.className = "new";
      rows.prepend(row);
    }
    if (rows.children.length < ROWS) return;
    while (rows.children.length > ROWS) rows.lastElementChild.remove();
    older(rows.lastElementChild.dataset.cursor);
  }

  function show(text) {
    button.textContent = !stream ? "Live" : paused ? "Resume" : "Pause";
    const more = dropped ? "+" : "";
    const after = dropped ? ", the older of them at the list's end" : "";
    const waiting = paused && held.length > 0 ? `${held.length}${more} waiting${after}` : "";
    const going = open ? `live, ${came} new` : "connecting …";
    const state = !stream ? "" : paused ? `paused ${waiting}` : going;
    told.textContent = [text ?? state, lack].filter(Boolean).join(" – ");
  }
}
