//! The guide: each page does what it says, from its first block to its last. `docs/guide/README.md` describes the marks of
//! the blocks.

mod guide {
    mod blocks;
    mod expected;
    mod page;
    mod structure;

    /// Makes a test for each page, and the list of all pages in their order.
    macro_rules! pages {
        ($($name:ident: $file:literal,)+) => {
            /// The pages that have a test.
            const PAGES: &[&str] = &[$($file),+];

            $(
                #[test]
                fn $name() {
                    page::check($file);
                }
            )+
        };
    }

    pages! {
        first_answer: "first-answer.md",
        scripts: "scripts.md",
        rust: "rust.md",
        javascript: "javascript.md",
        python: "python.md",
        c: "c.md",
        go: "go.md",
        testing: "testing.md",
        reloading: "reloading.md",
        errors: "errors.md",
        replaying: "replaying.md",
        limits: "limits.md",
        handlers: "handlers.md",
        adding_jobs: "adding-jobs.md",
        capabilities: "capabilities.md",
        services: "services.md",
        production: "production.md",
        yao: "yao.md",
        task_files: "task-files.md",
        contract: "contract.md",
    }

    /// Returns the root of the repository.
    fn root() -> std::path::PathBuf {
        let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        tests.parent().expect("the tests are in a folder of the repository").to_owned()
    }
}
