// What holds on every page.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Findings of these impacts fail a test. */
const GRAVE = ["serious", "critical"];
/** More presses of Tab than any page takes. */
const MAX_TABS = 300;

/** axe-core finds nothing serious. It needs a page that runs script. */
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

/** Both of what holds on every page, in whatever state. */
export async function assertSound(page) {
  await assertFits(page);
  await assertAccessible(page);
}

/** The page is not wider than its window; what is inside of it may scroll. */
export async function assertFits(page) {
  const { page: has, window: room } = await page.evaluate(() => ({
    page: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  assert.ok(has <= room, `${page.url()} is ${has} px wide in a window of ${room} px`);
}

/** The least contrast of what must be seen to be understood, by WCAG 2.1, 1.4.11. */
const LEAST = 3;

/**
 * The colours of the stylesheet that tell something by themselves stand out from what is behind them, and so do the
 * bars, keys and fields of the page. axe-core looks at texts alone.
 */
export async function assertStandsOut(page) {
  const faint = await page.evaluate(faintParts, LEAST);
  assert.deepEqual(faint, [], page.url());
}

/** In the page: what has less contrast than `least`. */
function faintParts(least) {
  const light = (colour) => {
    const linear = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const read = (text) => text.match(/[\d.]+/g).map(Number).slice(0, 3);
  const contrast = (one, other) => {
    const [dark, bright] = [light(read(one)), light(read(other))].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const paper = getComputedStyle(document.body).backgroundColor;
  const parts = [];
  const probe = document.body.appendChild(document.createElement("i"));
  for (const name of ["accent", "bad", "edge", "c0", "c1", "c2", "c3", "c4", "c5", "other", "absent"]) {
    probe.style.color = `var(--${name})`;
    parts.push([`--${name}`, getComputedStyle(probe).color]);
  }
  probe.remove();
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea, button:not(.small)")) {
    parts.push([field.outerHTML.slice(0, 80), getComputedStyle(field).borderTopColor]);
  }
  for (const bar of document.querySelectorAll(".plot path")) parts.push([`bars ${bar.getAttribute("class")}`, getComputedStyle(bar).fill]);
  for (const key of document.querySelectorAll(".key")) parts.push([`key ${key.className}`, getComputedStyle(key).backgroundColor]);
  return parts.map(([what, colour]) => [what, colour, contrast(colour, paper)]).filter(([, , has]) => has < least);
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
