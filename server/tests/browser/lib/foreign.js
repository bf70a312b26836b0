// What a page would have if a text of others had been let in.

import assert from "node:assert/strict";
import { PAYLOADS, asText, cut } from "./payloads.js";

/** In the page: what no page has unless something was let in. */
export function foreign() {
  const elements = "script:not([src^='/assets/']), iframe, object, embed, base, meta[http-equiv], style, template, " +
    "link:not([href^='/assets/'], [href='data:,']), video, marquee, math, plaintext, animate, foreignObject, img, " +
    "input[autofocus], form:not([action^='/']), a[href]:not([href^='/'], [href^='#'])";
  const found = [...document.querySelectorAll(elements)].map((element) => element.outerHTML);
  for (const element of document.querySelectorAll("*")) {
    const handlers = element.getAttributeNames().filter((name) => name.startsWith("on"));
    const leaves = ["href", "src", "action", "formaction"].filter((name) => {
      const link = element.getAttribute(name);
      return link && link !== "data:," && new URL(link, location).origin !== location.origin;
    });
    if (handlers.length + leaves.length > 0) found.push(element.outerHTML);
  }
  return found.map((html) => html.slice(0, 300));
}

/** The page has nothing of the kind. */
export async function assertClean(page, path) {
  await page.goto(path);
  assert.deepEqual(await page.evaluate(foreign), [], path.slice(0, 300));
}

/** Everything that a page says. */
export const text = (page) => page.locator("main").evaluate((main) => main.textContent);

/** What a page says, and all further pages of its lists; each of them is clean. */
export async function readAll(page, path) {
  const places = [path];
  let shown = "";
  for (const place of places) {
    await assertClean(page, place);
    // At once: a list may go on by itself.
    const [said, ways] = await page.locator("main").evaluate((main) => [
      main.textContent,
      [...main.querySelectorAll("a[rel=next]")].map((way) => way.getAttribute("href")),
    ]);
    shown += said;
    places.push(...ways.filter((way) => !places.includes(way)));
  }
  return shown;
}

/** The start of each text is shown as it is. */
export function assertShown(shown, bytes) {
  for (const payload of PAYLOADS) {
    const start = asText(cut(payload, bytes));
    assert.ok(shown.includes(start), `not shown: ${JSON.stringify(start)}`);
  }
}
