//! The command line as a client: the real binary talks to the real binary, over real sockets.

mod client {
    mod adding;
    mod changing;
    mod feeding;
    mod looking;
    mod offline;
    mod refusals;
    mod stage;
    mod tenants;
    mod terminal;
    mod watching;
}
