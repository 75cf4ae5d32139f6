//! Loading an app: plugins that are compiled beside the work, tasks that lost their definition, and files that are none.

mod loading {
    mod cold;
    mod env;
    mod files;
    mod memory;
    mod orphans;
}
