// The editor's preview follows the rule: what is typed there is tried on the past after a short pause, and what was tried
// before is given up.

/** After the last edit, in milliseconds. */
const PAUSE = 400;

export function preview() {
  const place = document.querySelector("#preview");
  if (!place) return;
  const button = place.querySelector("[value=preview]");
  const form = button.form;
  const said = place.querySelector("[role=status]");
  const shown = place.querySelector(".shown");
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", "Progress of the preview");
  const rows = document.createElement("span");
  rows.className = "number";
  const cancel = document.createElement("button");
  cancel.type = "button";
  cancel.className = "small";
  cancel.textContent = "Cancel";
  const progress = document.createElement("div");
  progress.className = "progress";
  progress.append(bar, rows, cancel);
  button.after(progress);
  /** What was filled in here: only there is it said what is wrong. */
  const edited = new Set();
  let pause;
  let asked;
  idle();

  form.parentElement.addEventListener("input", ({ target }) => {
    edited.add(target);
    if (!target.closest("[data-previewed]")) return;
    asked?.abort();
    clearTimeout(pause);
    pause = setTimeout(run, PAUSE);
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter !== button) return;
    event.preventDefault();
    run();
  });
  cancel.addEventListener("click", () => {
    asked.abort();
    end("Cancelled. Another rule, or fewer hours, may take less.");
    button.focus();
  });
  if (form.elements["trigger.event"].value.trim()) run();

  async function run() {
    clearTimeout(pause);
    asked?.abort();
    const own = new AbortController();
    asked = own;
    bar.removeAttribute("value");
    rows.textContent = "";
    delete progress.dataset.idle;
    place.setAttribute("aria-busy", "true");
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "preview");
    const headers = { accept: "text/event-stream" };
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers, signal: own.signal });
      if (!answer.ok) return end("The server refused this. Your session may have ended: sign in in another tab, and try again.");
      for await (const [name, data] of events(answer.body)) {
        if (own.signal.aborted) return;
        if (name === "progress") step(data);
        else if (name === "done") return done(data);
        else if (name === "wrong") return wrong(data);
        else return end(data.detail);
      }
      end("The server ended this. Try again.");
    } catch {
      if (!own.signal.aborted) end("The server cannot be reached. Try again.");
    }
  }

  function step({ scanned, rows: all }) {
    if (!all) return;
    bar.max = all;
    bar.value = scanned;
    rows.textContent = `${grouped(Math.min(scanned, all))} of ${grouped(all)} rows`;
  }

  /** The parts are made and escaped by the server, as those of the page are. */
  function done(made) {
    idle();
    unmark();
    said.innerHTML = made.said;
    shown.innerHTML = made.shown;
  }

  function wrong({ id, text, wrong }) {
    const link = document.createElement("a");
    link.href = `#${id}`;
    link.textContent = text;
    end("No preview: ", link);
    unmark();
    const field = document.getElementById(id);
    if (!field || !(field.value || edited.has(field))) return;
    const mark = document.createElement("strong");
    mark.className = "bad";
    mark.id = `${id}-wrong`;
    mark.textContent = wrong;
    field.after(mark);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", mark.id);
    field.closest("details")?.setAttribute("open", "");
  }

  /** A slug that cannot be saved does not matter here. */
  function unmark() {
    for (const field of document.querySelectorAll(".beside [aria-invalid]:not([name=slug])")) {
      document.getElementById(`${field.id}-wrong`)?.remove();
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
    }
  }

  /** Without a preview: what stood there was of another rule. */
  function end(...parts) {
    idle();
    said.replaceChildren(...parts);
    shown.replaceChildren();
  }

  function idle() {
    progress.dataset.idle = "";
    place.removeAttribute("aria-busy");
  }
}

/** A number with narrow spaces between its thousands, as the server writes it. */
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** Server-sent events of an answer, each its name and its data. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const whole = (text + value).split("\n\n");
    text = whole.pop();
    for (const event of whole) {
      const lines = event.split("\n").map((line) => line.split(/: ?(.*)/s));
      const { event: name, data } = Object.fromEntries(lines);
      if (name) yield [name, JSON.parse(data)];
    }
  }
}
