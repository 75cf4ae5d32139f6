//! The cases of the type stripper.

use super::{Becomes, Sample};

pub(super) fn all() -> Vec<Sample> {
    [declarations(), functions(), classes(), expressions(), modules(), separators(), refused(), wrong(), hostile()]
        .into_iter()
        .flatten()
        .collect()
}

fn erases(name: &'static str, text: &str, expected: &'static str) -> Sample {
    Sample { name, text: text.to_owned(), expected: Becomes::Text(expected) }
}

fn fails(name: &'static str, text: &str, line: u32, column: u32, part: &'static str) -> Sample {
    Sample { name, text: text.to_owned(), expected: Becomes::Errors(vec![(line, column, part)]) }
}

fn declarations() -> Vec<Sample> {
    vec![
        erases("no types", "const a = 1 // as const\n", "const a = 1 // as const"),
        erases("an empty file", "", ""),
        erases("a variable", "let a: number = 1, b: { c: string }[] = [];", "let a = 1, b = [];"),
        erases("a definite variable", "let a!: number;", "let a ;"),
        erases("a pattern", "const { a, b: [c] }: { a: A; b: B[] } = d;", "const { a, b: [c] } = d;"),
        erases("a type", "type A<T> = T extends string ? 1 : 2;\nf();", ";\nf();"),
        erases("an interface", "interface A extends B { c(): void }\nf();", ";\nf();"),
        erases(
            "declared things",
            "declare const a: number;\ndeclare function f(): void;\ndeclare class C {}\ndeclare enum E { A }\ndeclare module 'x' {}\ndeclare global { interface G {} }\nf();",
            "; ; ; ; ; ; f();",
        ),
        erases(
            "a namespace of types",
            "namespace A { export type B = 1; namespace C { interface D {} } }\nf();",
            "; f();",
        ),
        erases("types of other scripts", "let 名: 类型 = '值' as 类型;\nf(名);", "let 名 = '值' ;\nf(名);"),
        erases("comments in types", "let a: /* one */ number /* two */ = 1;", "let a /* two */ = 1;"),
        erases("carriage returns", "type A = {\r\n  b: 1\r\n}\r\nf()\r\n", "; f()"),
        erases("a hashbang", "#!/usr/bin/env x\nlet a: 1 = 1;", "#!/usr/bin/env x\nlet a = 1;"),
        erases("a caught error", "try { f() } catch (e: unknown) {}", "try { f() } catch (e ) {}"),
        erases("a loop", "for (const a of b as string[]) { let c: number = 1; }", "for (const a of b ) { let c = 1; }"),
        erases("a script that is not strict", "with (a) { let b: number = c }", "with (a) { let b = c }"),
        erases("await outside of functions", "const a: number = await f();", "const a = await f();"),
    ]
}

fn functions() -> Vec<Sample> {
    vec![
        erases("parameters", "function f(a: number, b?: string, ...c: D[]): void {}", "function f(a , b , ...c ) {}"),
        erases("an optional parameter without a type", "function f(a?, b?) {}", "function f(a , b ) {}"),
        erases(
            "defaults",
            "function f(a: number = 1, { b }: { b: string } = { b: '' }) {}",
            "function f(a = 1, { b } = { b: '' }) {}",
        ),
        erases("type parameters", "function f<T extends U = V>(a: T): T { return a }", "function f (a ) { return a }"),
        erases(
            "overloads",
            "function f(a: string): void;\nfunction f(a: number): void;\nfunction f(a: any) {}",
            "; ; function f(a ) {}",
        ),
        erases(
            "exported overloads",
            "export function f(a: string): void;\nexport function f(a: any) {}",
            "; export function f(a ) {}",
        ),
        erases(
            "a default overload",
            "export default function f(a: string): void;\nexport default function f(a: any) {}",
            "; export default function f(a ) {}",
        ),
        erases(
            "this",
            "function f(this: A, b: number) {}\nfunction g(this: A) {}\nfunction h(this: A, ...c: B) {}",
            "function f( b ) {} function g( ) {} function h( ...c ) {}",
        ),
        erases(
            "a predicate",
            "function f(a: any): a is string { return true }\nfunction g(a: any): asserts a {}",
            "function f(a ) { return true } function g(a ) {}",
        ),
        erases("an arrow", "const f = (a: number): string => `${a as any}`;", "const f = (a ) => `${a }`;"),
        erases(
            "a generic arrow",
            "const f = <T,>(a: T) => a, g = async <T>(a: T) => a;",
            "const f = (a ) => a, g = async (a ) => a;",
        ),
        erases(
            "a generator",
            "function* f(): Generator<number, void, any> { yield* g<number>() }",
            "function* f() { yield* g () }",
        ),
        erases(
            "methods of objects",
            "const a = { async *b<T>(c: T): X {}, get d(): number { return 1 }, set d(e: number) {} };",
            "const a = { async *b (c ) {}, get d() { return 1 }, set d(e ) {} };",
        ),
    ]
}

fn classes() -> Vec<Sample> {
    vec![
        erases(
            "properties",
            "class A { a: number = 1; b?: string; c!: D; readonly e = 2; static f: G; }",
            "class A { a = 1; b ; c ; ; e = 2; static f ; }",
        ),
        erases(
            "modifiers",
            "class A { private a = 1; protected static b = 2; public async c(): Promise<void> {} override get d(): number { return 1 } static readonly e = 3; }",
            "class A { ; a = 1; ; static b = 2; ; async c() {} ; get d() { return 1 } static e = 3; }",
        ),
        erases(
            "names that look like modifiers",
            "class A { private; readonly = 1; static public() {} declare() {} abstract = 2; get; set; async }",
            "class A { private; readonly = 1; static public() {} declare() {} abstract = 2; get; set; async }",
        ),
        erases(
            "a private name",
            "class A { #a: number = 1; static async *#b<T>(): any {} }",
            "class A { #a = 1; static async *#b () {} }",
        ),
        erases(
            "computed names",
            "class A { private [a as string]: number = 1; [b]?(): void {} }",
            "class A { ; [a ] = 1; [b] () {} }",
        ),
        erases(
            "implements",
            "class A<T> extends B<T> implements C, D<E> {}\nclass F implements G {}\nlet h = class implements I {};",
            "class A extends B {} class F {} let h = class {};",
        ),
        erases(
            "an abstract class",
            "abstract class A { abstract a: number; abstract b(): void; c() {} abstract get d(): number; }",
            "class A { ; ; c() {} ; }",
        ),
        erases(
            "an exported abstract class",
            "export abstract class A {}\nexport default abstract class B {}",
            "export class A {} export default class B {}",
        ),
        erases(
            "signatures",
            "class A { constructor(a: string); constructor(a: any) {} b(): void; b(c?: number) {} [key: string]: any; declare d: number; }",
            "class A { ; constructor(a ) {} ; b(c ) {} ; ; }",
        ),
        erases("an optional method", "class A { a?(): void { } }", "class A { a () { } }"),
        erases("a static block", "class A { static { let a: number = 1; } }", "class A { static { let a = 1; } }"),
    ]
}

fn expressions() -> Vec<Sample> {
    vec![
        erases("as", "f(a as number, { b: c as const }); (d as any).e = 1;", "f(a , { b: c }); (d ).e = 1;"),
        erases("satisfies", "const a = { b: 1 } satisfies C;", "const a = { b: 1 } ;"),
        erases("not null", "a!.b![0]!(c!)!; d! = 1; e!++;", "a .b [0] (c ) ; d = 1; e ++;"),
        erases(
            "type arguments",
            "f<A>(b); new C<D>(e); g<H>`i`; j?.<K>(l); const m = n<O>;",
            "f (b); new C (e); g `i`; j?. (l); const m = n ;",
        ),
        erases("nested", "f(((a as B)! as C<D>) satisfies E as any);", "f(((a ) ) );"),
        erases("less than", "a < b; f(a < b, c > d);", "a < b; f(a < b, c > d);"),
        erases("a conditional", "a ? (b as C) : (d): e => f;", "a ? (b ) : (d) => f;"),
        erases("destructuring", "[a as any, b!] = c; ({ d: e as any } = f);", "[a , b ] = c; ({ d: e } = f);"),
    ]
}

fn modules() -> Vec<Sample> {
    vec![
        erases(
            "imports of types",
            "import type { A } from './a.ts';\nimport type B from './b.ts';\nimport { type C, d, type E as F } from './c.ts';",
            "; ; import { d, } from './c.ts';",
        ),
        erases("an import of types only", "import { type A, } from './a.ts';", "import { } from './a.ts';"),
        erases(
            "exports of types",
            "export type A = 1;\nexport interface B {}\nexport { type C, d };\nexport type { E } from './e.ts';\nexport type * from './f.ts';\nexport { g, type H } from './g.ts';\nexport default interface I {}",
            "; ; export { d }; ; ; export { g, } from './g.ts'; ;",
        ),
        erases(
            "names that are called type",
            "import type from './a.ts'; import { type } from './b.ts'; import { type as as } from './c.ts'; let b = type;",
            "import type from './a.ts'; import { type } from './b.ts'; import { type as as } from './c.ts'; let b = type;",
        ),
        erases("an import of a type by require", "import type a = require('a');", ";"),
        erases(
            "exported values",
            "export const a: number = 1; export default b as any;",
            "export const a = 1; export default b ;",
        ),
    ]
}

/// Where the text would be read in another way if types were only blanked.
fn separators() -> Vec<Sample> {
    vec![
        erases("as before a bracket", "a = b as C\n(d)", "a = b ;\n(d)"),
        erases("as over lines before a bracket", "a = b as {\n  c: 1\n}\n[d].e()", "a = b \n\n;\n[d].e()"),
        erases("a type before a bracket", "a\ntype B = 1\n(c)", "a\n;\n(c)"),
        erases("a variable before a bracket", "let a: B\n(c)", "let a ;\n(c)"),
        erases("an instantiation before a bracket", "const a = b<C>\n;[d]", "const a = b \n;[d]"),
        erases(
            "members before brackets",
            "class A {\n  a = 1\n  private [b] = 2\n  c: D\n  [e]() {}\n  f = 3\n  private *g() {}\n}",
            "class A { a = 1 ; [b] = 2 c ; [e]() {} f = 3 ; *g() {} }",
        ),
        erases(
            "an arrow with its result on another line",
            "const f = (a: number):\n  string => b;",
            "const f = (a \n ) => b;",
        ),
        erases(
            "a generic arrow over lines",
            "const f = async <\n  T,\n>(a: T) => a;",
            "const f = async (\n\n a ) => a;",
        ),
        erases(
            "a generic arrow over lines after return",
            "function f() {\n  return <\n    T\n  >(a: T) => a;\n}",
            "function f() {\n return (\n\n a ) => a;\n}",
        ),
        erases("a directive after types", "type A = 1;\n'use strict';", ";\n'use strict';"),
    ]
}

fn refused() -> Vec<Sample> {
    vec![
        fails("an enum", "f();\n  enum A { B }", 2, 3, "`enum` cannot be erased"),
        fails("an exported enum", "export const enum A { B }", 1, 8, "write an object"),
        fails(
            "a namespace with values",
            "namespace A { export const b = 1 }",
            1,
            1,
            "a namespace with values cannot be erased",
        ),
        fails(
            "a parameter property",
            "class A { constructor(private a: number, b: string) {} }",
            1,
            23,
            "declare the property in the class",
        ),
        fails("import by require", "import a = require('a');", 1, 1, "`import … =` cannot be erased"),
        fails("an alias of a namespace", "import a = b.c;", 1, 1, "`import … =` cannot be erased"),
        fails("export by assignment", "export = a;", 1, 1, "write `export default`"),
        fails("an assertion in angle brackets", "let a = <any>b;", 1, 9, "write `value as Type`"),
        fails("a decorator", "@a class B {}", 1, 1, "decorators are not supported"),
        Sample {
            name: "everything that cannot be erased",
            text: "enum A { B }\nlet 一 = <any>c;\nclass D { @e f() {} }".into(),
            expected: Becomes::Errors(vec![(1, 1, "`enum`"), (2, 9, "`value as Type`"), (3, 11, "decorators")]),
        },
    ]
}

fn wrong() -> Vec<Sample> {
    vec![
        fails("an error of syntax", "const a: number = 1;\nconst b = = 2;", 2, 11, "SyntaxError"),
        fails("an error in a type", "let a: { b: };", 1, 13, "SyntaxError"),
        fails("an open brace", "function f(a: number) {", 1, 24, "SyntaxError"),
    ]
}

fn hostile() -> Vec<Sample> {
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let traps = |name, text: String| Sample { name, text, expected: Becomes::Trap("call stack exhausted") };
    vec![
        traps("parentheses nested deep", nested("(", ")")),
        traps("brackets nested deep", nested("[", "]")),
        traps("types nested deep", format!("let a: {};", nested("[", "]"))),
        traps("functions nested deep", nested("(function(){", "})")),
        traps("negations nested deep", nested("!", "")),
    ]
}
