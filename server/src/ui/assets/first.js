// The first event shows itself: whoever waits for it need not reload. The stream begins with what is stored by then, so
// that nothing is missed that came since the page was made.

export function first() {
  const place = document.querySelector("[data-first]");
  if (!place) return;
  const reload = place.querySelector("a");
  const stream = new EventSource(place.dataset.first);
  say("Waiting for the first event: it is shown here by itself.");
  stream.addEventListener("found", () => {
    stream.close();
    location.replace(reload.href);
  });
  stream.addEventListener("open", () => say("Waiting for the first event: it is shown here by itself."));
  stream.addEventListener("error", () => {
    if (stream.readyState !== EventSource.CLOSED) return say("Connecting again …");
    say("The server tells no longer of new events. ", reload, " to see whether the first one has come.");
  });
  addEventListener("pagehide", () => stream.close());

  function say(...what) {
    if (place.textContent !== what.map((part) => part.textContent ?? part).join("")) place.replaceChildren(...what);
  }
}
