//! The commands for authors of plugins, with the real binary: `component`, `wit`, `test` and `new`.

mod author {
    mod component;
    mod new;
    mod scripts;
    mod test;
    mod test_files;
    mod wit;
}
