//! The HTTP service of the real binary, over real sockets: every route and every error code.

mod http {
    mod adding;
    mod audit;
    mod bulk;
    mod changing;
    mod codes;
    mod delayed;
    mod explaining;
    mod failures;
    mod guide;
    mod hostile;
    mod in_process;
    mod listing;
    mod looking;
    mod numbers;
    mod operators;
    mod plugins;
    mod series;
    mod slow_next;
    mod stage;
    mod stopping;
    mod tasks;
    #[expect(dead_code, reason = "the tests of tenants use the rest")]
    #[path = "../tenants/stage.rs"]
    mod tenants;
    mod tokens;
}
