//! The commands for authors of plugins, with the real binary: `component`, `help`, `new`, `schema`, `test` and `wit`.

mod author {
    mod component;
    mod help;
    mod limits;
    mod new;
    mod schema;
    mod scripts;
    mod test;
    mod test_files;
    mod wit;
}
