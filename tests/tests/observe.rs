//! The telemetry of a host: its metrics, traces and log, with the real binary and real collectors.

mod observe {
    mod alarms;
    mod log;
    mod metrics;
    mod not_recorded;
    mod receiver;
    mod traces;
}
