// The list goes on where it is scrolled to its end.

export function paging() {
  const rows = document.querySelector("#events");
  if (!rows) return;
  const ahead = new IntersectionObserver(([seen]) => seen.isIntersecting && more(), { rootMargin: "400px" });
  let reading = false;
  watch();

  function watch() {
    const way = document.querySelector("nav.pages");
    if (way) ahead.observe(way);
  }

  async function more() {
    const way = document.querySelector("nav.pages");
    const next = way?.querySelector("a[rel=next]");
    if (!next || reading) return;
    reading = true;
    ahead.disconnect();
    way.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(next.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A page that took long is answered 200 before it is known whether it fails; it says so.
      if (!answer.ok || page.querySelector("main [role=alert]")) throw new Error(String(answer.status));
      rows.append(...page.querySelectorAll("#events > tr"));
      const further = page.querySelector("nav.pages");
      if (further) way.replaceWith(further);
      else way.remove();
      reading = false;
      watch();
    } catch {
      failed(way);
    }
  }

  /** The link is still there, and says by itself what is wrong. */
  function failed(way) {
    reading = false;
    way.removeAttribute("aria-busy");
    if (way.querySelector("[role=status]")) return;
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    told.textContent = "They could not be read. ";
    const again = document.createElement("button");
    again.type = "button";
    again.className = "small";
    again.textContent = "Try again";
    again.addEventListener("click", more);
    way.append(" ", told, again);
  }
}
