// Proposals while a filter is typed: the names of fields, and frequent values of a field after its operator.

/** Before a request, in milliseconds. */
const PAUSE = 120;
const NAME = String.raw`[^\s:~^<>=!"(),]`;
/** The word that is typed: a sign before it, and `has:` with a field, or a field, its operator, values and a value. */
const WORD = new RegExp(
  String.raw`(?<lead>(?:^|[\s(])-?)(?:has:(?<there>${NAME}*)|(?<field>[a-z_]+(?:\.${NAME}*)*)?` +
    String.raw`(?:(?<operator>:|~|\^|[<>]=?)(?<values>(?:(?:"[^"]*"|[^\s"(),]+),)*)"?(?<value>[^\s"(),]*))?)$`,
);
const NUMBER = /^-?\d+(\.\d+)?$/;

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
    const word = WORD.exec(input.value.slice(0, input.selectionStart))?.groups;
    if (!word) return close();
    const proposals = word.operator ? await values(word) : fieldsOf(word);
    if (turn !== asked || document.activeElement !== input) return;
    // Who goes on to choose before the list has followed the last key keeps the choice.
    const kept = list.children[chosen]?.dataset.test;
    list.replaceChildren(...proposals.slice(0, 12).map(option));
    list.hidden = proposals.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    choose([...list.children].findIndex(({ dataset }) => dataset.test === kept));
  }

  /** Fields, each with what follows it, or as one that is there. */
  function fieldsOf({ there, field = "" }) {
    const start = there ?? field;
    const known = names.filter((name) => name.startsWith(start) && (there !== undefined || name !== start));
    if (there !== undefined) return known.map((name) => ({ test: `has:${name}` }));
    const has = start !== "" && "has".startsWith(start) ? [{ test: "has:", open: true }] : [];
    return has.concat(known.map((name) => ({ test: `${name}:`, open: true })));
  }

  /** Frequent values: those that the test would find, or for `<` and `>` those that it can be compared with. */
  async function values({ field = "", operator, values, value }) {
    // Members of JSON are not known here, what they are of is.
    if (!names.includes(field.split(".", 1)[0])) return [];
    const url = new URL(input.dataset.complete, location.href);
    url.searchParams.set("field", field);
    url.searchParams.set(operator === "~" ? "contains" : "start", value);
    let found;
    try {
      const answer = await fetch(url);
      found = answer.ok ? await answer.json() : [];
    } catch {
      found = [];
    }
    const compares = /[<>]/.test(operator);
    if (!compares && !values) return found;
    const before = values.split(",");
    const others = found.map(({ test, events }) => ({ value: test.slice(field.length + 1), plain: test.startsWith(`${field}:`), events }));
    return others
      .filter(({ value, plain }) => plain && (compares ? NUMBER.test(value) : !before.includes(value)))
      .map(({ value, events }) => ({ test: field + operator + values + value, events }));
  }

  function option({ test, open, events }, place) {
    const item = document.createElement("li");
    item.id = `proposal-${place}`;
    item.dataset.test = test;
    if (open) item.dataset.open = "";
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
    const word = WORD.exec(input.value.slice(0, end));
    if (!word) return close();
    const { test } = item.dataset;
    const whole = !("open" in item.dataset);
    const kept = input.value.slice(0, word.index) + word.groups.lead + test + (whole ? " " : "");
    input.value = kept + input.value.slice(end).trimStart();
    input.setSelectionRange(kept.length, kept.length);
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
