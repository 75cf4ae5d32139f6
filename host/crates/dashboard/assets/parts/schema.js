// From a JSON Schema of arguments to the fields of a form, and from their texts back to JSON. Numbers stay the text that was typed.

/** @typedef {{path: string, label: string, kind: "text"|"number"|"switch"|"choice"|"json", isRequired: boolean, hint: string, schema: any}} Field */

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const INTEGER = /^-?(0|[1-9]\d*)$/;

/** Returns the schemas of the arguments, in order. */
export function argumentsOf(schema) {
  const items = schema?.prefixItems ?? (Array.isArray(schema?.items) ? schema.items : null);
  if (!items) return null;
  const required = schema.minItems ?? items.length;
  return items.map((item, at) => ({ schema: item, name: item.title ?? `argument ${at}`, isRequired: at < required }));
}

function kindOf(schema) {
  if (Array.isArray(schema?.enum)) return "choice";
  const types = [schema?.type].flat().filter((type) => type !== "null");
  if (types.length !== 1) return "json";
  return { string: "text", number: "number", integer: "number", boolean: "switch" }[types[0]] ?? "json";
}

function hintOf(schema) {
  const types = [schema?.type].flat().filter(Boolean).join(" or ");
  const bounds = [schema?.minimum !== undefined && `from ${schema.minimum}`, schema?.maximum !== undefined && `to ${schema.maximum}`].filter(Boolean).join(" ");
  return [types, bounds, schema?.description].filter(Boolean).join(", ");
}

/** Returns whether an object's members have fields of their own. */
function hasMembers(schema) {
  return schema?.type === "object" && schema.properties && Object.keys(schema.properties).length > 0 && !schema.additionalProperties;
}

/**
 * Returns the fields of a form; null if the schema does not describe a list of arguments.
 * @returns {Field[]|null}
 */
export function fieldsOf(schema) {
  const found = [];
  const add = (path, label, of, isRequired) => {
    if (hasMembers(of)) {
      for (const [name, member] of Object.entries(of.properties)) add(`${path}/${name}`, `${label} · ${name}`, member, isRequired && (of.required ?? []).includes(name));
    } else found.push({ path, label, kind: kindOf(of), isRequired, hint: hintOf(of), schema: of });
  };
  const all = argumentsOf(schema);
  all?.forEach(({ schema: of, name, isRequired }, at) => add(`/${at}`, name, of, isRequired));
  return all && found;
}

/** Returns why the text of a field is wrong; null if it is right. */
export function wrong({ kind, isRequired, schema }, text) {
  if (text === "") return isRequired && kind !== "text" ? "is required" : null;
  if (kind === "number") {
    const isInteger = [schema.type].flat().includes("integer");
    if (!(isInteger ? INTEGER : NUMBER).test(text)) return isInteger ? "is not a whole number" : "is not a number";
    if (schema.minimum !== undefined && Number(text) < Number(schema.minimum)) return `is below ${schema.minimum}`;
    if (schema.maximum !== undefined && Number(text) > Number(schema.maximum)) return `is above ${schema.maximum}`;
  }
  if (kind === "text" && schema.maxLength !== undefined && [...text].length > schema.maxLength) return `is longer than ${schema.maxLength} characters`;
  if (kind === "json") {
    try {
      JSON.parse(text);
    } catch (error) {
      return `is not JSON: ${error.message}`;
    }
  }
  return null;
}

/** Returns a field's text as JSON; null if it is left out. */
function jsonOf({ kind, isRequired }, text) {
  if (kind === "text") return text === "" && !isRequired ? null : JSON.stringify(text);
  return text === "" ? null : text;
}

/**
 * Returns the arguments as JSON text.
 * @param {any} schema
 * @param {Record<string, string>} texts by the path of the field
 */
export function argumentsText(schema, texts) {
  const fields = new Map(fieldsOf(schema).map((field) => [field.path, field]));
  const write = (path, of) => {
    if (!hasMembers(of)) return jsonOf(fields.get(path), texts[path] ?? "");
    const members = Object.entries(of.properties)
      .map(([name, member]) => [name, write(`${path}/${name}`, member)])
      .filter(([, text]) => text !== null);
    return members.length > 0 ? `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}` : null;
  };
  const all = argumentsOf(schema).map(({ schema: of }, at) => write(`/${at}`, of));
  // An argument that is left out before another one is null; those at the end are left out.
  while (all.length > 0 && all.at(-1) === null) all.pop();
  return `[${all.map((text) => text ?? "null").join(",")}]`;
}
