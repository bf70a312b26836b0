// Keys: `/` leads to the search field, `?` tells of the keys, and single letters lead on.

const KEYS = [
  ["/", "Type a filter"],
  ["j, k", "Next event, event before"],
  ["Enter", "Open the event"],
  ["l", "Live, pause, resume"],
  ["z", "Zoom out"],
  ["?", "These keys"],
];

export function keys() {
  const input = document.querySelector("#filter");
  const help = dialog();
  addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog[open]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      "/": input && (() => (input.focus(), input.select())),
      "?": () => help.showModal(),
      j: () => step(1),
      k: () => step(-1),
      l: press("[data-live] button"),
      z: press("a[aria-label='Zoom out']"),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function press(selector) {
  const target = () => document.querySelector(selector);
  return () => target()?.click();
}

/** Leads to the time of another event, which opens it. */
function step(by) {
  const events = [...document.querySelectorAll("a.detail")];
  const row = document.activeElement.closest("tr");
  const here = events.findIndex((event) => event.closest("tr") === row);
  const next = events[here < 0 ? 0 : here + by];
  next?.focus();
}

function dialog() {
  const help = document.createElement("dialog");
  help.setAttribute("aria-label", "Keys");
  const list = document.createElement("dl");
  for (const [key, meaning] of KEYS) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    const kbd = document.createElement("kbd");
    kbd.textContent = key;
    term.append(kbd);
    text.textContent = meaning;
    list.append(term, text);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => help.close());
  help.append(list, close);
  document.body.append(help);
  return help;
}
