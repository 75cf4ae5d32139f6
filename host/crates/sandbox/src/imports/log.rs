//! `saggar:task/log`: the job's own log.

use crate::bindings::log::{self, Host};
use crate::guest::Guest;
use crate::output::MAX_LINE;
use crate::text::{cut, escaped};
use crate::{Level, LogSource};

impl Host for Guest {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.current()?.services.log(LogSource::Log(level), &escaped(cut(&message, MAX_LINE)));
        Ok(())
    }
}
