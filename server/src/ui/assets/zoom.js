// Dragging over the bars shows the time under them. A finger is wider than a bar: a tap means the nearest one.

/** Less is a click, in pixels. */
const LEAST = 6;
/** How far from a bar a tap may be, in pixels. */
const REACH = 24;

export function zoom() {
  const plot = document.querySelector("svg.plot");
  const way = plot?.querySelector("a");
  if (!way) return;
  const bars = Number(plot.dataset.bars);
  const [from, bar, to] = ["from", "bar", "to"].map((name) => Number(plot.dataset[name]));
  const band = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  band.setAttribute("class", "band");
  band.setAttribute("height", "100%");
  let start;

  const place = (event) => {
    const { left, width } = plot.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - left) / width, 0), 1);
  };
  const range = (event) => [start, place(event)].sort((a, b) => a - b);
  const end = () => {
    start = undefined;
    band.remove();
  };

  plot.addEventListener("dragstart", (event) => event.preventDefault());
  plot.addEventListener("pointerdown", (event) => {
    if (event.button === 0) start = place(event);
  });
  addEventListener("pointermove", (event) => {
    if (start === undefined) return;
    const [low, high] = range(event);
    band.setAttribute("x", `${low * 100}%`);
    band.setAttribute("width", `${(high - low) * 100}%`);
    if (!band.isConnected) plot.append(band);
  });
  addEventListener("pointerup", (event) => {
    if (start === undefined) return;
    const [low, high] = range(event);
    end();
    if ((high - low) * plot.getBoundingClientRect().width < LEAST) return;
    // The click that ends a drag over one bar is none; fingers that drag do not click.
    if (event.pointerType !== "touch") addEventListener("click", (click) => click.preventDefault(), { capture: true, once: true });
    setTimeout(() => location.assign(show(Math.floor(low * bars), Math.ceil(high * bars))));
  });
  addEventListener("pointercancel", end);
  plot.addEventListener("click", (event) => {
    if (event.pointerType !== "touch" || event.target.closest("a")) return;
    const far = (bar) => {
      const { left, right } = bar.getBoundingClientRect();
      return Math.max(left - event.clientX, event.clientX - right, 0);
    };
    const [nearest] = [...plot.querySelectorAll("a")].sort((one, other) => far(one) - far(other));
    if (far(nearest) <= REACH) location.assign(nearest.href.baseVal);
  });
  addEventListener("keydown", (event) => event.key === "Escape" && end());

  /** The link of any bar, with the time from this bar up to that one. */
  function show(first, last) {
    const url = new URL(way.href.baseVal, location.origin);
    const time = (bar_) => new Date(Math.floor(Math.min(from + bar_ * bar, to) / 1000)).toISOString();
    url.searchParams.set("from", time(first));
    url.searchParams.set("to", last >= bars ? new Date(Math.ceil(to / 1000)).toISOString() : time(last));
    return url.href;
  }
}
