// Requests over HTTP, answered by the fake host.

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost } from "../testing.js";

const { http, plugin } = await import("../index.js");

const onRequest = ({ url }) => {
  if (url === "https://a/json") return { headers: { "Content-Type": "application/json" }, body: '{"n": "ü😀"}' };
  if (url === "https://a/busy") return { status: 503, headers: { "retry-after": "7" } };
  if (url === "https://a/late") return { status: 429, headers: { "retry-after": "Fri, 31 Dec 1999 23:59:59 GMT" } };
  if (url === "https://a/gone") return { status: 410, body: new Uint8Array([0x67, 0xff, 0xc3]) };
  return { problem: { code: "unknown-name", message: "no such name" } };
};

const inJob = async (process) => {
  const host = new FakeHost({ onRequest });
  return [host, await host.process(plugin({ process }))];
};

test("a request has the parts that were given", async () => {
  const [host, response] = await inJob(() => {
    const response = http.post("https://a/json", { json: [1, "ü"], headers: { "X-A": "$SECRET.a" }, timeoutMs: 1500 });
    assert.equal(response.header("Content-TYPE"), "application/json");
    return response.success().json();
  });
  assert.deepEqual(response, { n: "ü😀" });
  const [request] = host.requests;
  assert.deepEqual(request.headers, [["X-A", "$SECRET.a"], ["content-type", "application/json"]]);
  assert.equal(new TextDecoder().decode(request.body), '[1,"ü"]');
  assert.deepEqual([request.method, request.timeoutMs], ["POST", 1500]);
});

test("a status decides what becomes of the job", async () => {
  for (const [path, kind, afterMs] of [["busy", "retry-after", 7000], ["late", "retry", undefined], ["gone", "reject", undefined]]) {
    await assert.rejects(inJob(() => http.get(`https://a/${path}`).success()), (failed) => {
      assert.deepEqual([failed.kind, failed.code, failed.afterMs], [kind, "http-status", afterMs]);
      return true;
    });
  }
});

test("errors are problems", async () => {
  const code = (expected) => (error) => error.code === expected;
  await assert.rejects(inJob(() => http.get("https://b")), code("unknown-name"));
  await assert.rejects(inJob(() => http.get("https://a/gone").json()), code("invalid-response"));
  await assert.rejects(inJob(() => http.get("https://a/json", { timeout: 1 })), code("invalid-request"));
  const cycle = {};
  cycle.itself = cycle;
  await assert.rejects(inJob(() => http.post("https://a/json", { json: cycle })), code("invalid-request"));
  await assert.rejects(inJob(() => http.post("https://a/json", { json: () => 1 })), code("invalid-request"));
  await assert.rejects(new FakeHost().process(plugin({ process: () => http.get("https://a") })), code("http-not-granted"));
});

test("texts are UTF-8 without the web's classes, too", async () => {
  const { TextEncoder, TextDecoder } = globalThis;
  const samples = ["", "a", "ü", "€", "😀", "a\u0000b", "%41"];
  for (const sample of samples) {
    const bytes = new TextEncoder().encode(sample);
    const body = { status: 200, headers: {}, body: bytes };
    const host = new FakeHost({ onRequest: () => body });
    const process = () => {
      try {
        delete globalThis.TextEncoder;
        delete globalThis.TextDecoder;
        const request = http.post("https://a", { body: sample });
        return request.text();
      } finally {
        Object.assign(globalThis, { TextEncoder, TextDecoder });
      }
    };
    assert.equal(await host.process(plugin({ process })), sample);
    assert.deepEqual(host.requests[0].body, bytes);
  }
  const invalid = new Uint8Array([0x61, 0xff, 0xc0, 0x80, 0xe2, 0x82, 0xed, 0xa0, 0x80, 0x62]);
  const host = new FakeHost({ onRequest: () => ({ body: invalid }) });
  const shown = await host.process(plugin({
    process() {
      try {
        delete globalThis.TextDecoder;
        return http.get("https://a").text();
      } finally {
        globalThis.TextDecoder = TextDecoder;
      }
    },
  }));
  assert.match(shown, /^a\ufffd+b$/);
});
