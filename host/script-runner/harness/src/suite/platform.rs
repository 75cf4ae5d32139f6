//! Timers, texts, URLs, clones and random numbers.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    [timers(), encoding(), urls(), clones(), random(), fetching()].into_iter().flatten().collect()
}

fn timers() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("setTimeout", "return new Promise((r) => setTimeout((a, b) => r([a, b]), 5, 1, 2))").answers("[1,2]"),
        body("timers run in the order of their time", "const seen = []; setTimeout(() => seen.push(3), 9); setTimeout(() => seen.push(1), 3); setTimeout(() => seen.push(2), 3); return new Promise((r) => setTimeout(() => r(seen), 12))")
            .answers("[1,2,3]"),
        body("a timer waits", "const t = Date.now(); return new Promise((r) => setTimeout(() => r(Date.now() - t >= 19), 20))").answers("true"),
        body("clearTimeout", "const t = setTimeout(() => console.log('never'), 1); clearTimeout(t); clearTimeout(t); clearTimeout(); return new Promise((r) => setTimeout(r, 3, 'ok'))")
            .answers("\"ok\"")
            .events(&[]),
        body("setInterval", "let n = 0; return new Promise((r) => { const t = setInterval(() => { if (++n === 3) { clearInterval(t); r(n) } }, 1) })").answers("3"),
        body("an interval that keeps a promise waiting", "setInterval(() => {}, 100); return new Promise(() => {})").traps("timeout"),
        body("timers end with the call", "setTimeout(() => console.log('never'), 1); setInterval(() => {}, 1); return 1")
            .answers("1")
            .events(&["debug 2 timers were still set when the call ended; they do not run. Await a promise instead"])
            .process("f", "[]")
            .answers("1"),
        body("no function", "setTimeout('x', 1)").retries("exception", "TypeError: the first argument of setTimeout is a function"),
        body("microtasks come first", "const s = []; setTimeout(() => s.push('t'), 0); queueMicrotask(() => s.push('m')); return new Promise((r) => setTimeout(() => r(s), 1))")
            .answers(r#"["m","t"]"#),
        body("too many timers", "for (;;) setTimeout(() => {}, 1)").retries("exception", "RangeError: setTimeout: 10000 timers are set already"),
        body("performance", "const t = performance.now(); return [t >= 0 && t < 1000, performance.timeOrigin > 1.6e12, performance.now() >= t]").answers("[true,true,true]"),
        body("Date.now", "return Math.abs(Date.now() - performance.timeOrigin - performance.now()) < 1000").answers("true"),
    ]
}

fn fetching() -> Vec<Case> {
    let body = Case::body;
    vec![
        body("fetch with JSON", "return fetch('https://echo.test/a b', { method: 'post', body: JSON.stringify([1, 'ü']), headers: { 'Content-Type': 'application/json' }, timeoutMs: 500 }).then((r) => r.json())")
            .answers("[1,\"ü\"]")
            .events(&[r#"http POST https://echo.test/a%20b [("content-type", "application/json")] [1,"ü"] Some(500)"#]),
        body("a response", "const r = await0(fetch('https://echo.test/missing')); async function await0(p) { const r = await p; return [r.ok, r.status, r.url, r.headers.get('X-Two'), [...r.headers.keys()], await r.text()] } return r")
            .answers(r#"[false,404,"https://echo.test/missing","a, b",["content-type","x-two","x-two"],""]"#),
        body("types of bodies", "const send = (body) => fetch('https://echo.test/', { method: 'PUT', body }).then((r) => r.text()); return Promise.all([send('ä'), send(new Uint8Array([65, 66])), send(new Uint8Array([67]).buffer), send(new URLSearchParams({ a: '1 2' }))])")
            .answers(r#"["ä","AB","C","a=1+2"]"#),
        body("a body is bytes, whatever numbers are in it", "return new Response(new Uint16Array([0x4241, 0x4443]).subarray(1)).bytes().then((b) => [...b])")
            .answers("[67,68]"),
        body("a body is read once", "return fetch('https://echo.test/').then(async (r) => { await r.text(); return r.json().catch((e) => e.message) })")
            .answers("\"response.json: the body has been read already; use response.clone() before\""),
        body("a clone", "return fetch('https://echo.test/', { method: 'POST', body: 'x' }).then(async (r) => [await r.clone().text(), await r.text()])")
            .answers(r#"["x","x"]"#),
        body("no URL", "return fetch('x').catch((e) => e.message)").answers("\"URL: 'x' is not a URL\""),
        body("an unknown option", "return fetch('https://echo.test/', { signal: 1 }).catch((e) => e.message)")
            .answers("\"fetch: unknown option 'signal'; there are method, headers, body, timeoutMs, redirect\""),
        body("GET with a body", "return fetch('https://echo.test/', { body: 'x' }).catch((e) => e.message)")
            .answers("\"fetch: a GET request has no body\""),
        body("headers", "const h = new Headers([['A', '1'], ['b', '2']]); h.append('a', 3); h.set('B', '4'); h.delete('c'); return [h.get('a'), h.has('C'), [...h]]")
            .answers(r#"["1, 3",false,[["a","1"],["a","3"],["b","4"]]]"#),
        body("not granted", "return fetch('https://elsewhere.test/').catch((e) => [e.code, e.message])")
            .answers(r#"["http-not-granted","HTTP is not granted"]"#),
    ]
}

fn encoding() -> Vec<Case> {
    let result = |name, expression: &str, json: &str| Case::body(name, &format!("return {expression}")).answers(json);
    vec![
        result(
            "TextEncoder",
            r"[...new TextEncoder().encode('aé€😀\ud800')]",
            "[97,195,169,226,130,172,240,159,152,128,239,191,189]",
        ),
        result(
            "TextEncoder.encodeInto",
            "((a) => [new TextEncoder().encodeInto('aé😀', a), [...a]])(new Uint8Array(4))",
            r#"[{"read":2,"written":3},[97,195,169,0]]"#,
        ),
        result(
            "TextDecoder",
            "new TextDecoder().decode(new Uint8Array([239, 187, 191, 97, 255, 195, 169]))",
            "\"a\u{FFFD}é\"",
        ),
        result(
            "TextDecoder in parts",
            "((d) => d.decode(new Uint8Array([240, 159]), { stream: true }) + d.decode(new Uint8Array([152, 128]), { stream: true }) + d.decode())(new TextDecoder())",
            "\"😀\"",
        ),
        result(
            "an open end",
            "((d) => d.decode(new Uint8Array([97, 240, 159]), { stream: true }) + '|' + d.decode())(new TextDecoder())",
            "\"a|\u{FFFD}\"",
        ),
        result(
            "utf-16",
            "new TextDecoder('utf-16le').decode(new Uint8Array([0x61, 0, 0x3d, 0xd8, 0, 0xde]))",
            "\"a😀\"",
        ),
        result("latin1", "new TextDecoder('latin1').decode(new Uint8Array([0xe9, 0x80]).buffer)", "\"é€\""),
        result(
            "labels",
            "[new TextDecoder(' UTF8 ').encoding, new TextDecoder('utf-8', { fatal: true }).fatal]",
            r#"["utf-8",true]"#,
        ),
        Case::body("fatal", "new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255]))")
            .retries("exception", "TypeError: the bytes are not valid utf-8"),
        Case::body("an unknown encoding", "new TextDecoder('x')")
            .retries("exception", "RangeError: TextDecoder: unknown encoding 'x'"),
        result("atob and btoa", "[btoa('hé'), atob('aGk='), atob(' aGk ')]", r#"["aOk=","hi","hi"]"#),
        Case::body("atob of something else", "atob('%')").retries("exception", ""),
    ]
}

fn urls() -> Vec<Case> {
    let result = |name, expression: &str, json: &str| Case::body(name, &format!("return {expression}")).answers(json);
    vec![
        result(
            "the parts of a URL",
            "((u) => [u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.origin])(new URL('HTTPS://u:p@Example.com:8080/a/../b c?q=1#h'))",
            r##"["https:","u","p","example.com:8080","example.com","8080","/b%20c","?q=1","#h","https://example.com:8080"]"##,
        ),
        result("a base", "new URL('../x?y', 'https://example.com/a/b/c').href", r#""https://example.com/a/x?y""#),
        result("names in other alphabets", "new URL('https://bücher.example/').hostname", r#""xn--bcher-kva.example""#),
        result(
            "a URL that changes",
            "((u) => { u.port = '81'; u.pathname = 'p q'; u.search = 'a=1'; u.hash = 'z'; u.protocol = 'http'; return String(u) })(new URL('https://a.b/'))",
            r#""http://a.b:81/p%20q?a=1#z""#,
        ),
        result("URL as JSON", "({ u: new URL('https://a.b') })", r#"{"u":"https://a.b/"}"#),
        result(
            "canParse and parse",
            "[URL.canParse('x'), URL.canParse('x', 'https://a.b'), URL.parse('x')]",
            "[false,true,null]",
        ),
        result(
            "searchParams follow the URL",
            "((u) => { const p = u.searchParams; p.append('b', '2 &'); u.search += '&c=3'; return [u.href, p.get('c'), p.get('b')] })(new URL('https://a.b/?a=1'))",
            r#"["https://a.b/?a=1&b=2+%26&c=3","3","2 &"]"#,
        ),
        result(
            "URLSearchParams",
            "((p) => [String(p), p.get('a'), p.getAll('a'), p.has('x'), p.size, [...p.keys()]])(new URLSearchParams('?a=1&b=%C3%A9+x&a=2'))",
            r#"["a=1&b=%C3%A9+x&a=2","1",["1","2"],false,3,["a","b","a"]]"#,
        ),
        result(
            "URLSearchParams of objects and pairs",
            "[String(new URLSearchParams({ a: 1, b: '~!' })), String(new URLSearchParams([['x', 'y'], ['x', 'z']]))]",
            r#"["a=1&b=%7E%21","x=y&x=z"]"#,
        ),
        result(
            "changes of URLSearchParams",
            "((p) => { p.set('a', 9); p.delete('b'); p.append('0', ''); p.sort(); return String(p) })(new URLSearchParams('a=1&b=2&a=3'))",
            r#""0=&a=9""#,
        ),
        Case::body("no URL", "new URL('/x', 'y')")
            .retries("exception", "TypeError: URL: '/x' is not a URL with the base 'y'"),
    ]
}

fn clones() -> Vec<Case> {
    let result = |name, body: &str, json: &str| Case::body(name, body).answers(json);
    vec![
        result(
            "a clone",
            "const a = { d: new Date(5), r: /x/g, m: new Map([[1, { z: 1 }]]), s: new Set([2]), u: undefined, b: 1n, t: new Uint8Array([1, 2]), n: null, e: [1, , 3] }; const c = structuredClone(a); return [c !== a, c.d.getTime(), String(c.r), c.m.get(1).z, c.m.get(1) !== a.m.get(1), c.s.has(2), 'u' in c, c.b === 1n, c.t.join(), c.e.length, 1 in c.e]",
            r#"[true,5,"/x/g",1,true,true,true,true,"1,2",3,false]"#,
        ),
        result(
            "a clone of a circle",
            "const a = {}; a.self = a; const c = structuredClone(a); return [c.self === c, c !== a]",
            "[true,true]",
        ),
        result(
            "a clone shares what is shared",
            "const s = {}; const c = structuredClone([s, s]); return c[0] === c[1]",
            "true",
        ),
        result(
            "a clone of an error",
            "const e = structuredClone(new RangeError('x', { cause: 1 })); return [e instanceof RangeError, e.message, e.cause]",
            r#"[true,"x",1]"#,
        ),
        result(
            "a clone of an instance is a plain object",
            "class P { x = 1; get y() { return 2 } } const c = structuredClone(new P()); return [c, c instanceof P]",
            r#"[{"x":1},false]"#,
        ),
        result(
            "buffers are copied",
            "const b = new Uint8Array([1]); const c = structuredClone(b); b[0] = 2; return c[0]",
            "1",
        ),
        Case::body("functions cannot be cloned", "structuredClone({ f() {} })")
            .retries("exception", "structuredClone: [Function: f] cannot be cloned"),
        Case::body("promises cannot be cloned", "structuredClone(Promise.resolve())")
            .retries("exception", "cannot be cloned"),
        result(
            "the exception is a DOMException",
            "try { structuredClone(Symbol()) } catch (e) { return [e instanceof DOMException, e.name] }",
            r#"[true,"DataCloneError"]"#,
        ),
    ]
}

fn random() -> Vec<Case> {
    vec![
        Case::body("randomUUID", "const u = crypto.randomUUID(); return [/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(u), u !== crypto.randomUUID()]").answers("[true,true]"),
        Case::body("getRandomValues", "const a = new Uint32Array(64); return [crypto.getRandomValues(a) === a, a.some((n) => n > 0xffff)]").answers("[true,true]"),
        Case::body("getRandomValues of a part", "const b = new Uint8Array(64); crypto.getRandomValues(b.subarray(32)); return b.subarray(0, 32).every((n) => n === 0)").answers("true"),
        Case::body("too many random bytes", "crypto.getRandomValues(new Uint8Array(65537))").retries("exception", "at most 65536 bytes"),
        Case::body("random fractions", "crypto.getRandomValues(new Float64Array(1))").retries("exception", "typed array of integers"),
        Case::body("Math.random", "const a = Array.from({ length: 1000 }, Math.random); return [a.every((n) => n >= 0 && n < 1), new Set(a).size > 990]").answers("[true,true]"),
    ]
}
