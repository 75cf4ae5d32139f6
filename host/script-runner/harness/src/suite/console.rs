//! `console`, `log` and `fmt`.

use crate::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    [levels(), values(), formats(), go()].into_iter().flatten().collect()
}

fn levels() -> Vec<Case> {
    vec![
        Case::body("levels of console", "console.debug(1); console.log(2); console.info(3); console.warn(4); console.error(5); console.dir({})")
            .events(&["debug 1", "info 2", "info 3", "warn 4", "error 5", "info {}"]),
        Case::body("levels of log", "log.Trace('a'); log.Debug('b'); log.Info('c'); log.Warn('d'); log.Error('e'); log.Fatal('f'); log.Panic('g')")
            .events(&["debug a", "debug b", "info c", "warn d", "error e", "error f", "error g"]),
        Case::body("assert", "console.assert(true, 'a'); console.assert(0, 'b', 1); console.assert()")
            .events(&["error Assertion failed: b 1", "error Assertion failed"]),
        Case::body("count", "console.count(); console.count('a'); console.count(); console.countReset(); console.count()")
            .events(&["info default: 1", "info a: 1", "info default: 2", "info default: 1"]),
        Case::body("time", "console.time('t'); console.timeEnd('t'); console.timeEnd('t'); console.group('g'); console.groupEnd()")
            .answers("null"),
        Case::body("a timer that was not started", "console.timeEnd('t'); console.timeLog()")
            .events(&["warn console.timeEnd: no timer 't' was started", "warn console.timeLog: no timer 'default' was started"]),
        Case::body("table", "console.table([{ a: 1, b: 'x' }, { a: 20 }, 5]); console.table(7)")
            .events(&["info (index)  a   b  Values\n0        1   x\n1        20\n2               5", "info 7"]),
        Case::body("trace", "console.trace('here')").answers("null"),
    ]
}

fn values() -> Vec<Case> {
    let shows = |name, expression: &str, text: &str| {
        Case::body(name, &format!("console.log({expression})")).events(&[&format!("info {text}")])
    };
    vec![
        shows(
            "primitives",
            "'a', 1, -0, 1.5, true, null, undefined, 10n, Symbol('s'), NaN",
            "a 1 -0 1.5 true null undefined 10n Symbol(s) NaN",
        ),
        shows("nothing", "", ""),
        shows("strings in objects", "['a', \"it's\", 'b\\n']", "[ 'a', \"it's\", 'b\\n' ]"),
        shows("objects", "{ a: 1, 'b-c': [], d: { e: {} } }", "{ a: 1, 'b-c': [], d: { e: {} } }"),
        shows(
            "deep objects",
            "{ a: { b: { c: { d: { e: { f: 1 } } } } } }",
            "{ a: { b: { c: { d: { e: [Object] } } } } }",
        ),
        shows("holes and properties of arrays", "Object.assign([1, , 3], { x: 1 })", "[ 1, <1 empty items>, 3, x: 1 ]"),
        shows(
            "classes",
            "new (class Point { x = 1 })(), Object.create(null)",
            "Point { x: 1 } [Object: null prototype] {}",
        ),
        shows(
            "functions",
            "function g() {}, () => 1, class C {}",
            "[Function: g] [Function (anonymous)] [Function: C]",
        ),
        shows(
            "maps and sets",
            "new Map([['a', { b: 1 }]]), new Set([1]), new Map()",
            "Map(1) { 'a' => { b: 1 } } Set(1) { 1 } Map(0) {}",
        ),
        shows(
            "dates and patterns",
            "new Date(0), /a+/gi, new Date(NaN)",
            "1970-01-01T00:00:00.000Z /a+/gi Invalid Date",
        ),
        shows(
            "bytes",
            "new Uint8Array([1, 255]), new ArrayBuffer(2)",
            "Uint8Array <01 ff> (2 bytes) ArrayBuffer <00 00> (2 bytes)",
        ),
        shows(
            "getters do not run",
            "{ get a() { throw 1 }, set b(x) {}, get c() { return 1 }, set c(x) {} }",
            "{ a: [Getter], b: [Setter], c: [Getter/Setter] }",
        ),
        shows("proxies are not asked", "new Proxy({}, { ownKeys() { throw 1 } })", "[Proxy]"),
        shows("promises", "Promise.resolve(1), new Promise(() => {})", "Promise { <resolved> } Promise { <pending> }"),
        Case::body("a circle", "const a = { b: [] }; a.b.push(a); console.log(a)")
            .events(&["info { b: [ [Circular] ] }"]),
        Case::body("an error", "console.log(new TypeError('no').message, String(new Error('x')))")
            .events(&["info no Error: x"]),
        Case::body("half a surrogate pair", r"console.log('a\ud800b')").events(&["info a\u{FFFD}b"]),
        Case::body(
            "an array of many items",
            "console.log(Array.from({ length: 1e5 }, (_, i) => 0).length, JSON.stringify([0]))",
        )
        .events(&["info 100000 [0]"]),
        Case::body("a long message", "console.log('x'.repeat(5e6)); return 1").answers("1"),
        Case::body("a wide object", "console.log({ first: 'a'.repeat(40), second: 'b'.repeat(40) })")
            .events(&[&format!("info {{\n  first: '{}',\n  second: '{}'\n}}", "a".repeat(40), "b".repeat(40))]),
    ]
}

fn formats() -> Vec<Case> {
    let shows = |name, arguments: &str, text: &str| {
        Case::body(name, &format!("console.log({arguments})")).events(&[&format!("info {text}")])
    };
    vec![
        shows("%s and %d", "'%s is %d', 'a', 5, 'more'", "a is 5 more"),
        shows("%i, %f, %j, %o", "'%i %f %j %o', 1.9, 1.5, { a: 1 }, ['x']", "1 1.5 {\"a\":1} [ 'x' ]"),
        shows("%% and missing values", "'100%% %s %s', 1", "100% 1 %s"),
        shows("one argument is not a format", "'100%% %s'", "100%% %s"),
        shows("other verbs", "'%x %y', 1", "%x %y 1"),
    ]
}

fn go() -> Vec<Case> {
    let formats = |arguments: &str, text: &str| (arguments.to_owned(), text.to_owned());
    let all = [
        formats("'Progress %v/%v', 1, 100", "Progress 1/100"),
        formats("'%s %d %t %v', 'a', 42, true, null", "a 42 true <nil>"),
        formats("'%5d|%-5d|%05d|%+d|% d', 42, 42, 42, 42, 42", "   42|42   |00042|+42| 42"),
        formats("'%05d', -42", "-0042"),
        formats("'%f %.2f %8.3f|%-8.1f|', 1.5, 1.005, 3.14159, 2", "1.500000 1.00    3.142|2.0     |"),
        formats("'%e %.2e', 123456, 0.00012", "1.234560e+05 1.20e-04"),
        formats("'%g', 0.1", "0.1"),
        formats("'%q', 'a\"b'", "\"a\\\"b\""),
        formats("'%x %X %#x %x', 255, 255, 255, 'hi'", "ff FF 0xff 6869"),
        formats("'%b %o %c %U', 5, 8, 65, 0x1F600", "101 10 A U+1F600"),
        formats("'%j %v', { a: [1] }, { b: 'x' }", r#"{"a":[1]} {"b":"x"}"#),
        formats("'%8s|%-8s|%.2s|%8s', 'ab', 'ab', 'abc', '进入'", "      ab|ab      |ab|      进入"),
        formats("'%*d', 5, 42", "   42"),
        formats("'100%%'", "100%"),
        formats("'%T %T %T %T %T', 1, 1.5, 'a', true, {}", "int float64 string bool map[string]interface {}"),
        formats("'%d', 'x'", "%!d(string=x)"),
        formats("'%d', 1.5", "%!d(float64=1.5)"),
        formats("'%t', 1", "%!t(int=1)"),
        formats("'%d %d', 1", "1 %!d(MISSING)"),
        formats("'%d', 1, 2, 'a'", "1%!(EXTRA int=2, string=a)"),
        formats("'%z', 1", "%!z(int=1)"),
        formats("'50%'", "50%!(NOVERB)"),
        formats("'%v %v', 1e21, 12345678901", "1e+21 12345678901"),
        formats("'%d', 10n ** 15n", "1000000000000000"),
    ];
    let body: String = all.iter().map(|(arguments, _)| format!("console.log(fmt.Sprintf({arguments}));\n")).collect();
    let events: Vec<String> = all.iter().map(|(_, text)| format!("info {text}")).collect();
    let events: Vec<&str> = events.iter().map(String::as_str).collect();
    vec![
        Case::body("Go's verbs", &body).events(&events),
        Case::body("fmt writes to the log", "fmt.Println('a', 1, { b: 2 }); fmt.Printf('%d items', 3); fmt.Print('x')")
            .events(&[r#"info a 1 {"b":2}"#, "info 3 items", "info x"]),
        Case::body("log formats as Go does", "log.Info('%s: %v', 'a', [1]); log.Info('100%'); log.Warn('%d')")
            .events(&["info a: [1]", "info 100%", "warn %d"]),
        Case::body("a width of any size", "return fmt.Sprintf('%999999999d', 1).length").answers("1000"),
        Case::body("a circle in a format", "const a = {}; a.a = a; return fmt.Sprintf('%v', a)")
            .answers("\"{ a: [Circular] }\""),
        Case::body("Errorf", "throw fmt.Errorf('no %s', 'x')").retries("exception", "Error: no x"),
    ]
}
