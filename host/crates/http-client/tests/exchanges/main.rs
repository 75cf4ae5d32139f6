//! Exchanges with real servers on this machine, plain and over TLS: what may be reached, what comes back, and that hostile
//! servers cost no more than the bounds say.

mod addresses;
mod bodies;
mod fixture;
mod heads;
mod keep_alive;
mod redirects;
mod secrets;
mod server;
mod signatures;
mod tls;
