//! The guests of `guests/`: a constant for each with the path of its component, as the build script wrote them.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
