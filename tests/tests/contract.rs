//! The contract does not change by accident: every change of `wit/` changes a snapshot, and must be accepted there.
//!
//! Within 0.1, the exported interfaces, the records and the signatures do not change; imported interfaces can get
//! further functions.

use saggar_tests::crafted::contract;
use wit_component::WitPrinter;

#[test]
fn the_contract_is_as_published() {
    let (resolve, package) = contract().unwrap();
    let mut printer = WitPrinter::default();
    printer.emit_docs(false);
    printer.print(&resolve, package, &[]).unwrap();
    insta::assert_snapshot!(printer.output.to_string());
}

#[test]
fn everything_in_the_contract_is_documented() {
    let (resolve, package) = contract().unwrap();
    let package = &resolve.packages[package];
    let mut undocumented = Vec::new();
    let mut check = |name: String, docs: &wit_parser::Docs| {
        if docs.is_empty() {
            undocumented.push(name);
        }
    };
    for (name, id) in &package.interfaces {
        let interface = &resolve.interfaces[*id];
        check(name.clone(), &interface.docs);
        for (function, item) in &interface.functions {
            check(format!("{name}.{function}"), &item.docs);
        }
        // Types that an interface uses from another one are documented there.
        let own = |id: &&wit_parser::TypeId| !matches!(resolve.types[**id].kind, wit_parser::TypeDefKind::Type(_));
        for id in interface.types.values().filter(own) {
            let item = &resolve.types[*id];
            check(format!("{name}.{}", item.name.as_deref().unwrap_or("?")), &item.docs);
        }
    }
    for (name, id) in &package.worlds {
        check(name.clone(), &resolve.worlds[*id].docs);
    }
    assert_eq!(undocumented, Vec::<String>::new());
}
