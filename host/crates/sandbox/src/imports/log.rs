//! `saggar:task/log`: the job's own log.

use saggar_job::{LogLevel, LogSource};

use crate::bindings::log::{self, Host};
use crate::guest::Guest;
use crate::output::MAX_LINE;
use crate::text::{cut, escaped};
use crate::used_imports::Import;

impl Host for Guest {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        self.current(Import::Log)?.services.log(LogSource::Log(level), &escaped(cut(&message, MAX_LINE)));
        Ok(())
    }
}
