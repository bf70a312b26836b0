// The list goes on by itself: events come as they are stored, until someone pauses it.

/** The most rows of a list that goes on by itself. */
const ROWS = 300;

export function live() {
  const place = document.querySelector("[data-live]");
  if (!place) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  const told = document.createElement("small");
  place.append(" ", button, " ", told);
  /** Rows that came while the list was paused. */
  let held = [];
  let stream;
  /** Whether the server tells of every event from now on. */
  let open = false;
  let paused = false;
  let came = 0;
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
      came++;
      held.push(JSON.parse(data));
      if (held.length > ROWS) held.shift();
      if (!paused) flush();
      show();
    });
    stream.addEventListener("missed", ({ data }) => {
      const { events } = JSON.parse(data);
      show(`Some events came too fast to be shown${events ? ` (${events} stored)` : ""}: refresh to see all.`);
    });
    stream.addEventListener("open", () => {
      open = true;
      show();
    });
    stream.addEventListener("error", () => {
      open = false;
      const over = stream.readyState === EventSource.CLOSED;
      if (over) stream = undefined;
      show(over ? "The server has ended it. Try again." : "Connecting again …");
    });
  }

  function resume() {
    paused = false;
    flush();
  }

  function flush() {
    const rows = document.querySelector("#events");
    // Without a list yet, the page is made anew with one.
    if (!rows) return location.reload();
    const read = document.createElement("template");
    // Rows are made and escaped by the server, as those of the page are.
    read.innerHTML = held.reverse().join("");
    held = [];
    for (const row of read.content.children) row.className = "new";
    rows.prepend(read.content);
    while (rows.children.length > ROWS) rows.lastElementChild.remove();
  }

  function show(text) {
    button.textContent = !stream ? "Live" : paused ? "Resume" : "Pause";
    const waiting = paused && held.length > 0 ? `${held.length} waiting` : "";
    const going = open ? `live, ${came} new` : "connecting …";
    const state = !stream ? "" : paused ? `paused ${waiting}` : going;
    told.textContent = text ?? state;
  }
}
