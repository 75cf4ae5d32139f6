//! What others can see of a host: its metrics, its traces, its log. With the real binary, and real receivers.

mod observe {
    mod alarms;
    mod log;
    mod metrics;
    mod receiver;
    mod traces;
}
