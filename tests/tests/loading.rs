//! Loading an app: task files, plugins that are compiled while the host runs, tasks without a definition, special
//! files.

mod loading {
    mod cold;
    mod compiling;
    mod definitions;
    mod env;
    mod files;
    mod memory;
    mod orphans;
}
