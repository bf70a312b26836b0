// Dragging over the bars shows the time under them.

/** Less is a click, in pixels. */
const LEAST = 6;

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
    if (event.button === 0 && event.pointerType !== "touch") start = place(event);
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
    // The click that ends a drag over one bar is none.
    addEventListener("click", (click) => click.preventDefault(), { capture: true, once: true });
    setTimeout(() => location.assign(show(Math.floor(low * bars), Math.ceil(high * bars))));
  });
  addEventListener("pointercancel", end);
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
