//! A host with several tenants, with the real binary: what one has is not seen by another, and each is added, changed,
//! broken, stopped and removed without the others noticing.

mod tenants {
    mod apart;
    mod changing;
    mod configuration;
    mod confined;
    mod deploying;
    mod hostile;
    mod key_values;
    mod loading;
    mod many;
    mod removing;
    mod stage;
    mod tokens;
}
