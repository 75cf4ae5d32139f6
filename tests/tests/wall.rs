//! The second wall: what code that has escaped from its sandbox can still do in the process of a hardened host; and how a
//! host is deployed behind it. Debug builds of the host make the attempts themselves, on request, in each kind of their
//! threads.

mod wall {
    mod compilers;
    mod deployment;
    mod escape;
    mod probe;
    mod replaced;
    mod root;
    #[expect(dead_code, reason = "the tests of tenants use the rest")]
    #[path = "../tenants/stage.rs"]
    mod stage;
    mod tenants;
}
