// Lets Node load the dashboard's modules as a browser does: `.js` files are modules, and the import map's names are vendored files.

import { register } from "node:module";

register("./hooks.mjs", import.meta.url);
