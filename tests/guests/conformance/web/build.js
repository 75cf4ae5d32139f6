// Makes the component: node build.js WIT WORLD SOURCE OUTPUT

import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const [, , witPath, worldName, file, output] = process.argv;
// componentize-js resolves relative imports only.
const source = await readFile(file, "utf8");
const local = source.replace('"@saggar/guest"', '"./saggar/index.js"').replace('"@saggar/guest/files"', '"./saggar/files.js"');
await writeFile("source.js", local);
const options = { sourcePath: "source.js", witPath, worldName, disableFeatures: ["http", "fetch-event"] };
await writeFile(output, (await componentize(options)).component);
