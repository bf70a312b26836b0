// Values of the list as links that filter by them, and beside the one that is pointed at, or has the focus: the ways to
// filter by it, and to exclude it. A finger cannot point: its first tap on a value offers them, and the next one follows.

export function pick() {
  const table = document.querySelector("table.events");
  if (!table) return;
  const menu = document.createElement("span");
  menu.className = "pick";
  const only = way("=", "Only");
  const not = way("≠", "Exclude");
  menu.append(only, not);

  lead(table);
  // More come while the list goes on.
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) addedNodes.forEach((row) => row.matches("tr") && lead(row));
  }).observe(table.tBodies[0], { childList: true });
  table.addEventListener("pointerover", ({ target, pointerType }) => pointerType !== "touch" && offer(target));
  /** What the ways were beside when a finger came: the focus comes between that and the click. */
  let touched;
  table.addEventListener("pointerdown", () => (touched = menu.isConnected ? menu.previousElementSibling : undefined));
  table.addEventListener("click", (event) => {
    if (event.pointerType !== "touch" || !offer(event.target) || menu.previousElementSibling === touched) return;
    event.preventDefault();
  });
  table.addEventListener("focusin", ({ target }) => offer(target));
  table.addEventListener("pointerleave", ({ pointerType }) => pointerType === "touch" || menu.contains(document.activeElement) || menu.remove());

  function lead(rows) {
    for (const value of rows.querySelectorAll("a[data-test]:not([href])")) value.href = also(value.dataset.test);
  }

  function way(sign, name) {
    const link = document.createElement("a");
    link.textContent = sign;
    link.title = name;
    link.setAttribute("aria-label", name);
    return link;
  }

  /** Shows the ways beside a value; whether there is one. */
  function offer(target) {
    const value = target.closest("[data-test], a.v");
    if (!value || menu.contains(target)) return false;
    const test = value.dataset.test ?? added(value);
    if (!test) return false;
    only.href = also(test);
    not.href = also(`-${test}`);
    // A link has no links within.
    const after = value.closest("a") ?? value;
    if (after.nextElementSibling !== menu) after.after(menu);
    return true;
  }

  /** What the link adds to the filter. */
  function added(link) {
    const filter = new URL(link.href).searchParams.get("filter");
    return filter.slice(table.dataset.base.length).trim();
  }

  /** The page with this test, too. */
  function also(test) {
    const url = new URL(document.querySelector("form.search").action);
    const here = new URL(location.href);
    if (here.pathname === url.pathname) url.search = here.search;
    const { base } = table.dataset;
    url.searchParams.delete("cursor");
    url.searchParams.set("filter", base.split(/\s+/).includes(test) ? base : `${base} ${test}`.trim());
    return url.pathname + url.search;
  }
}
