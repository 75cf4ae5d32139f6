//! Quotas of a tenant: each is reached, holds exactly, is named, and changes nothing for another tenant. Two workers of two
//! tenants share an engine and a queue, as in a host of many tenants.

mod quotas {
    mod adding;
    mod computing;
    mod fixture;
    mod http;
    mod loading;
    mod memory;
    mod running;
    #[expect(dead_code, reason = "the tests of tenants use the rest")]
    #[path = "../tenants/stage.rs"]
    mod stage;
}
