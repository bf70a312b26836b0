// The list goes on where it is scrolled to its end. The server is asked for the list of the next page alone.

/** How long a page may take before it is told that it does, and can be given up, in milliseconds. */
const PATIENCE = 300;

/** Returns what lets older events begin after the one of this cursor. */
export function paging() {
  const rows = document.querySelector("#events");
  if (!rows) return () => {};
  const ahead = new IntersectionObserver(([seen]) => seen.isIntersecting && more(), { rootMargin: "400px" });
  let reading = false;
  watch();
  return begin;

  function watch() {
    const way = document.querySelector("nav.pages");
    if (way) ahead.observe(way);
  }

  function begin(cursor) {
    const way = document.querySelector("nav.pages") ?? made();
    const url = new URL(location.href);
    url.searchParams.set("cursor", cursor);
    way.querySelector("a[rel=next]").href = url.pathname + url.search;
  }

  /** The way to older events, as the server makes it. */
  function made() {
    const way = document.createElement("nav");
    way.className = "pages";
    way.setAttribute("aria-label", "More");
    const next = document.createElement("a");
    next.rel = "next";
    next.textContent = "Older events";
    way.append(next);
    rows.closest(".scroll").after(way);
    ahead.observe(way);
    return way;
  }

  async function more() {
    const way = document.querySelector("nav.pages");
    const next = way?.querySelector("a[rel=next]");
    if (!next || reading) return;
    reading = true;
    ahead.disconnect();
    way.setAttribute("aria-busy", "true");
    const asked = next.href;
    const given = new AbortController();
    const slow = setTimeout(() => tell(way, "Looking for older events …", button("Cancel", () => given.abort())), PATIENCE);
    try {
      const answer = await fetch(asked, { headers: { "x-part": "list" }, signal: given.signal });
      if (answer.status === 401) return tell(way, "Your session has ended.", signIn());
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // The live list was cut meanwhile: what comes next is something else.
      if (next.href !== asked) return watch();
      rows.append(...page.querySelectorAll("#events > tr"));
      const further = page.querySelector("nav.pages");
      if (further) way.replaceWith(further);
      else way.remove();
      watch();
    } catch {
      const what = given.signal.aborted ? "Cancelled." : "They could not be read.";
      tell(way, what, button("Try again", more));
    } finally {
      clearTimeout(slow);
      way.removeAttribute("aria-busy");
      reading = false;
    }
  }

  /** Says so beside the link, which is still there, with what can be done. */
  function tell(way, text, act) {
    const before = way.querySelector("[role=status]");
    const hadFocus = before?.contains(document.activeElement);
    before?.remove();
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    told.append(" ", text, " ", act);
    way.append(told);
    if (hadFocus) act.focus();
  }

  function button(name, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.textContent = name;
    button.addEventListener("click", act);
    return button;
  }

  /** Whoever signs in comes back to this page. */
  function signIn() {
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = "Sign in";
    return link;
  }
}
