// What holds on every page.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Findings of these impacts fail a test. */
const GRAVE = ["serious", "critical"];
/** More presses of Tab than any page takes. */
const MAX_TABS = 300;

/** axe-core finds nothing serious. */
export async function assertAccessible(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
  const grave = violations.filter(({ impact }) => GRAVE.includes(impact));
  const told = grave.map(({ id, help, nodes }) => {
    const places = nodes.slice(0, 5).map(({ target, any }) => {
      return `  ${target.join(" ")} ${any.map(({ message }) => message).join("; ")}`;
    });
    return [`${id}: ${help} (${nodes.length} places)`, ...places].join("\n");
  });
  assert.ok(grave.length === 0, `axe-core, at ${page.url()}:\n${told.join("\n")}`);
}

/** The page is not wider than its window; what is inside of it may scroll. */
export async function assertFits(page) {
  const { page: has, window: room } = await page.evaluate(() => ({
    page: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  assert.ok(has <= room, `${page.url()} is ${has} px wide in a window of ${room} px`);
}

/** Presses Tab until `target` has the focus, as someone without a mouse does who must see at each step where they are. */
export async function tabTo(page, target) {
  for (let press = 0; press < MAX_TABS; press++) {
    await page.keyboard.press("Tab");
    const unseen = await page.evaluate(unseenFocus);
    assert.equal(unseen, null, `the focus cannot be seen at ${unseen}`);
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  assert.fail(`Tab does not lead to ${target}`);
}

/** In the page: what has the focus, if that cannot be seen. */
function unseenFocus() {
  const focused = document.activeElement;
  // Between the last element and the first one.
  if (focused === null || focused === document.body) return null;
  const style = getComputedStyle(focused);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  const clear = /, 0\)$/.test(style.outlineColor);
  const { top, left, bottom, right } = focused.getBoundingClientRect();
  const inWindow = bottom > 0 && right > 0 && top < innerHeight && left < innerWidth;
  return ring && !clear && inWindow ? null : focused.outerHTML.slice(0, 200);
}
