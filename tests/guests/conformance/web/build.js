// Makes the component: node build.js WIT OUTPUT

import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const [, , witPath, output] = process.argv;
// componentize-js resolves relative imports only.
const source = await readFile("conformance.js", "utf8");
await writeFile("source.js", source.replace('"@saggar/guest"', '"./saggar.js"'));
const options = { sourcePath: "source.js", witPath, worldName: "plugin", disableFeatures: ["http", "fetch-event"] };
await writeFile(output, (await componentize(options)).component);
