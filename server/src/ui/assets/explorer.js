// What the pages do beyond HTML. Each module finds its own part of the page, and leaves pages without it alone; whatever
// it offers can be reached without script, too.

import { complete } from "./complete.js";
import { first } from "./first.js";
import { keys } from "./keys.js";
import { live } from "./live.js";
import { paging } from "./paging.js";
import { pick } from "./pick.js";
import { preview } from "./preview.js";
import { zoom } from "./zoom.js";

complete();
first();
keys();
live(paging());
pick();
preview();
zoom();
