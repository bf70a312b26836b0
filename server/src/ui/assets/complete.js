// Proposals while a filter is typed: the names of fields, and frequent values of a field after its `:`.

/** Before a request, in milliseconds. */
const PAUSE = 120;
/** The word that is typed: a sign before it, the field, and what follows `:`. */
const WORD = /(^|[\s(])(-?)([a-z_]+(?:\.[^\s:~^<>=!"(),]+)*)?(?:(:)("?[^\s"(),]*))?$/;

export function complete() {
  const input = document.querySelector("input[data-complete]");
  if (!input) return;
  const list = document.createElement("ul");
  list.id = "proposals";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Proposals");
  list.hidden = true;
  input.after(list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  const names = fields(input);
  let waiting;
  let asked = 0;
  let chosen = -1;

  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(propose, PAUSE);
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const options = [...list.children];
    if (list.hidden || options.length === 0) {
      if (event.key === "ArrowDown") propose();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choose((Math.max(chosen, step < 0 ? 0 : -1) + step + options.length) % options.length);
    else if (event.key === "Enter" && chosen >= 0) take(options[chosen]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  // The pointer takes a proposal before the field loses the focus.
  list.addEventListener("pointerdown", (event) => {
    const option = event.target.closest("[role=option]");
    event.preventDefault();
    if (option) take(option);
  });

  async function propose() {
    const turn = ++asked;
    const word = WORD.exec(input.value.slice(0, input.selectionStart));
    if (!word) return close();
    const [, , , name = "", colon, value = ""] = word;
    const proposals = colon ? await values(name, value.replace(/^"/, "")) : names.filter((known) => known.startsWith(name) && known !== name);
    if (turn !== asked || document.activeElement !== input) return;
    // Who goes on to choose before the list has followed the last key keeps the choice.
    const kept = list.children[chosen]?.dataset.test;
    const shown = colon ? proposals : proposals.map((text) => ({ test: `${text}:` }));
    list.replaceChildren(...shown.slice(0, 12).map(option));
    list.hidden = shown.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    choose([...list.children].findIndex(({ dataset }) => dataset.test === kept));
  }

  async function values(field, start) {
    // Members of JSON are not known here, what they are of is.
    if (!names.includes(field.split(".", 1)[0])) return [];
    const query = new URLSearchParams({ field, start });
    try {
      const answer = await fetch(`${input.dataset.complete}?${query}`);
      return answer.ok ? await answer.json() : [];
    } catch {
      return [];
    }
  }

  function option({ test, events }, place) {
    const item = document.createElement("li");
    item.id = `proposal-${place}`;
    item.dataset.test = test;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    item.textContent = test;
    if (events) {
      const count = document.createElement("small");
      count.textContent = ` ${events}`;
      item.append(count);
    }
    return item;
  }

  function choose(place) {
    chosen = place;
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === place)));
    const item = list.children[place];
    if (!item) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }

  function take(item) {
    const end = input.selectionStart;
    const before = input.value.slice(0, end);
    const word = WORD.exec(before);
    if (!word) return close();
    const kept = before.slice(0, word.index) + word[1] + word[2] + item.dataset.test;
    const whole = !item.dataset.test.endsWith(":") || word[4] !== undefined;
    input.value = kept + (whole ? " " : "") + input.value.slice(end).trimStart();
    input.setSelectionRange(kept.length + (whole ? 1 : 0), kept.length + (whole ? 1 : 0));
    close();
    if (!whole) propose();
  }

  function close() {
    clearTimeout(waiting);
    asked++;
    choose(-1);
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  }
}

/** The names of all fields, and of those within JSON that the page shows. */
function fields(input) {
  const tests = [...document.querySelectorAll("#events [data-test]")].map(({ dataset }) => dataset.test);
  const shown = tests.map((test) => /^([a-z_]+\.[^\s:^"]+)[:^]/.exec(test)?.[1]);
  return [...new Set([...input.dataset.fields.split(" "), ...shown.filter(Boolean)])];
}
