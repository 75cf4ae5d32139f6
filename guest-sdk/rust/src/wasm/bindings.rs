//! The bindings that wit-bindgen generates from the contract: the imports once, and each role's export separately.

#![allow(unsafe_code, reason = "the code of wit-bindgen passes pointers, as the canonical ABI requires")]
#![allow(missing_docs, unreachable_pub, reason = "generated code")]
#![allow(clippy::allow_attributes_without_reason, reason = "generated code")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "saggar:task/imports",
    generate_unused_types: true,
});

macro_rules! roles {
    ($($module:ident = $world:tt;)*) => {$(
        pub mod $module {
            wit_bindgen::generate!({
                path: ["../../wit", "wit"],
                world: $world,
                with: { "saggar:task/types@0.1.0": super::saggar::task::types },
                pub_export_macro: true,
                export_macro_name: "export",
            });
        }
    )*};
}

roles! {
    processor = "saggar:guest/processor";
    id_source = "saggar:guest/id-source";
    add_handler = "saggar:guest/add-handler";
    progress_handler = "saggar:guest/progress-handler";
    success_handler = "saggar:guest/success-handler";
    error_handler = "saggar:guest/error-handler";
}
