//! The HTTP service of the real binary, over real sockets: every route and every error code.

mod http {
    mod adding;
    mod changing;
    mod codes;
    mod guide;
    mod hostile;
    mod listing;
    mod looking;
    mod numbers;
    mod slow_next;
    mod stage;
    mod stopping;
    mod tasks;
    mod tokens;
}
