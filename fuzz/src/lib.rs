//! What the fuzz targets call: one module for each input that strangers write. Each has a function `run`, which takes any
//! bytes and panics if the host would do something wrong with them. `generated` makes input for `component`.

pub mod component;
pub mod definition;
pub mod generated;
pub mod request;
