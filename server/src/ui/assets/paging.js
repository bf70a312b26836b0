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
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      rows.append(...page.querySelectorAll("#events > tr"));
      const further = page.querySelector("nav.pages");
      if (further) way.replaceWith(further);
      else way.remove();
      reading = false;
      watch();
    } catch {
      // The link is still there, and says by itself what is wrong.
      way.removeAttribute("aria-busy");
    }
  }
}
