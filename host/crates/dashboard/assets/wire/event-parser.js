// The text of server-sent events, taken apart as it arrives.

/** @typedef {{event: string, data: string, id: string|null}} ServerEvent */

/** Gathers text; `push` returns the events that are complete. */
export class EventParser {
  constructor() {
    this.rest = "";
    this.lastId = null;
    this.reset();
  }

  reset() {
    this.event = "message";
    this.data = [];
    this.id = null;
  }

  /**
   * @param {string} text
   * @returns {ServerEvent[]}
   */
  push(text) {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    const found = [];
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        if (this.data.length > 0) found.push({ event: this.event, data: this.data.join("\n"), id: this.id });
        this.reset();
        continue;
      }
      this.field(line);
    }
    return found;
  }

  field(line) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.event = value;
    if (name === "data") this.data.push(value);
    if (name === "id") {
      this.id = value;
      this.lastId = value;
    }
  }
}
