//! The telemetry of a host: its metrics, its traces, its log. With the real binary, and real collectors.

mod observe {
    mod alarms;
    mod log;
    mod metrics;
    mod receiver;
    mod traces;
}
