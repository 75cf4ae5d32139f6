//! Every key of the configuration: its name, flag, variable, value type, limits, default and meaning. The file, the
//! flags, the environment, `saggar config` and `docs/configuration.md` are generated from this table or tested against
//! it. No other module defines a limit.

use std::time::Duration;

use saggar::{Allocator, DEFAULT_KEEP_BYTES, Durability};

use super::input::Inputs;
use super::value::{
    Bytes, CacheDir, Choice, Count, EnvNames, Fraction, ListenAddress, LogFilter, OtlpEndpoint, Reader, ServiceName,
    StoreLocation, Switch, TimeSpan, TokenList, ValueType,
};
use super::{Harden, LogFormat};

/// A key and its properties.
#[derive(Debug)]
pub(crate) struct Key {
    /// The name in the file, including its table: `http.connections`.
    pub(crate) name: &'static str,
    /// The flag, with its dashes.
    pub(crate) flag: &'static str,
    /// The environment variable.
    pub(crate) variable: &'static str,
    /// Environment variables that are read if `variable` is not set.
    pub(crate) other_variables: &'static [&'static str],
    /// The value's placeholder in help.
    pub(crate) placeholder: &'static str,
    /// Wrong names that people may write instead.
    pub(crate) aliases: &'static [&'static str],
    /// Its meaning, as in the help and the documentation.
    pub(crate) meaning: &'static str,
    /// Its default as text; empty if it has none.
    pub(crate) default: fn() -> String,
}

impl Key {
    /// Returns the key's table in the file; `None` for keys above all tables.
    pub(crate) fn section(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(section, _)| section)
    }

    /// Returns the key's name within its table.
    pub(crate) fn leaf(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, leaf)| leaf)
    }

    /// Returns the key and where it belongs in the file.
    pub(crate) fn with_section(&self) -> String {
        format!("`{}` {}", self.leaf(), self.section_text())
    }

    /// Returns where the key belongs in the file.
    pub(crate) fn section_text(&self) -> String {
        match self.section() {
            Some(section) => format!("below `[{section}]`"),
            None => "above all tables".to_owned(),
        }
    }

    /// Returns the variables that can set the key, the strongest first.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &'static str> {
        [self.variable].into_iter().chain(self.other_variables.iter().copied())
    }
}

/// Returns the key of this name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    ALL.iter().find(|key| key.name == name)
}

/// Returns the tables of the file, each once.
pub(crate) fn sections() -> impl Iterator<Item = &'static str> + Clone {
    let is_first = |(at, key): (usize, &'static Key)| {
        let section = key.section()?;
        let others = ALL.get(..at).unwrap_or_default();
        (!others.iter().any(|other| other.section() == Some(section))).then_some(section)
    };
    ALL.iter().enumerate().filter_map(is_first)
}

/// Generates the configuration, its keys and their parsing from one table, so that each key is complete.
macro_rules! keys {
    ($(
        $field:ident: $ty:ty = $value:expr;
        $name:literal $flag:literal $variable:literal $others:expr, $placeholder:literal $aliases:expr,
        $meaning:literal;
    )*) => {
        /// The configuration of a host.
        #[derive(Debug)]
        pub(crate) struct Config {
            $(#[doc = $meaning] pub(crate) $field: <$ty as ValueType>::Value,)*
        }

        /// All keys in the order of the documentation.
        pub(crate) const ALL: &[Key] = &[$(Key {
            name: $name,
            flag: $flag,
            variable: $variable,
            other_variables: &$others,
            placeholder: $placeholder,
            aliases: &$aliases,
            meaning: $meaning,
            default: || <$ty as ValueType>::default_text(&$value),
        },)*];

        impl Config {
            /// Parses all inputs; `reader` collects the problems and the settings.
            pub(crate) fn read(raw: &Inputs, reader: &mut Reader) -> Self {
                Self { $($field: reader.value::<$ty>($name, &$value, raw),)* }
            }
        }
    };
}

keys! {
    listen: ListenAddress = ListenAddress { default_port: 7717 };
    "listen" "--listen" "SAGGAR_LISTEN" [], "ADDRESS"
    ["address", "bind", "port", "host", "http.listen", "http.address"],
    "Address of the HTTP API; port 0 picks a free port. Addresses that other machines can reach require tokens.";

    tokens: TokenList = TokenList;
    "token" "--token" "SAGGAR_TOKENS" [], "ROLE:SHA256" ["tokens", "auth", "http.token", "http.tokens"],
    "Who may use the HTTP API: a role (operator, admin, write or read), the SHA-256 of a token, and an optional \
     name. Without tokens, every program on this machine may do everything.";

    store: StoreLocation = StoreLocation;
    "store" "--store" "SAGGAR_STORE" [], "STORE" ["database", "db", "sqlite"],
    "Where jobs are stored: memory, sqlite (APP/.saggar/saggar.db), or sqlite:PATH.";

    durability: Choice<Durability> = Choice(&[("full", Durability::Full), ("normal", Durability::Normal)]);
    "durability" "--durability" "SAGGAR_DURABILITY" [], "WHAT" ["synchronous", "fsync"],
    "What an answered request survives in a SQLite store: full, a power cut; normal, the death of the process, \
     but perhaps not a power cut.";

    // One day: no operator waits longer for a host to stop.
    drain: TimeSpan = TimeSpan { min: Duration::ZERO, max: Duration::from_secs(86_400), default: Duration::from_secs(30) };
    "drain" "--drain" "SAGGAR_DRAIN" [], "DURATION" ["shutdown", "grace", "drain_time", "timeout"],
    "How long running jobs may continue after SIGTERM or Ctrl-C; then they are stopped and requeued.";

    harden: Choice<Harden>
        = Choice(&[("auto", Harden::Auto), ("require", Harden::Require), ("off", Harden::Off)]);
    "harden" "--harden" "SAGGAR_HARDEN" [], "WHEN" ["hardening", "hardened", "landlock", "seccomp"],
    "Whether the host gives up rights that it does not need (files, network, system calls): auto, as far as the kernel \
     can; require, or the host does not start; off.";

    allow_root: Choice<bool> = Choice(&[("no", false), ("yes", true)]);
    "allow_root" "--allow-root" "SAGGAR_ALLOW_ROOT" [], "WHETHER" ["root", "as_root", "run_as_root"],
    "Whether the host may run as root: no or yes.";

    allocator: Choice<Allocator> = Choice(&[("pooling", Allocator::Pooling), ("on-demand", Allocator::OnDemand)]);
    "allocator" "--allocator" "SAGGAR_ALLOCATOR" [], "WHICH" ["pool", "pooling"],
    "Where wasm instances come from: pooling, a pool reserved at the start; on-demand, the operating system, one \
     at a time.";

    cache_dir: CacheDir = CacheDir;
    "cache_dir" "--cache-dir" "SAGGAR_CACHE_DIR" [], "DIR" ["cache", "cache_path"],
    "Where compiled components are stored.";

    // Below 1 MiB, a single large job would not fit; no machine has 1 PiB.
    keep_bytes: Bytes = Bytes { min: 1 << 20, max: 1 << 50, default: DEFAULT_KEEP_BYTES as usize };
    "keep_bytes" "--keep-bytes" "SAGGAR_KEEP_BYTES" [], "BYTES" ["max_bytes", "store_bytes", "store.bytes", "max_store"],
    "How many bytes the jobs of all tasks may take, ended ones included. The jobs that ended first are removed to \
     make room; then adding is refused. Each task has a limit of its own, too.";

    // Several versions of a few large plugins; many of small ones.
    keep_versions: Bytes = Bytes { min: 0, max: 1 << 50, default: 256 << 20 };
    "keep_versions" "--keep-versions" "SAGGAR_KEEP_VERSIONS" [], "BYTES" ["versions", "keep_components", "store.versions"],
    "How many bytes of plugins and scripts are kept for each app once they have run, so that a rollback or a pin can use \
     them. What was not used for longest is removed first; 0 keeps none.";

    env_allow: EnvNames = EnvNames;
    "env_allow" "--env-allow" "SAGGAR_ENV_ALLOW" [], "NAMES" ["env", "environment", "allow_env", "env.allow"],
    "The environment variables that task files may use as $ENV.NAME: comma-separated names, in which * matches \
     any number of characters.";

    // An event takes about 150 bytes, and a progress message at most 1 KiB: ten million take 1.5 to 10 GB.
    events_keep: Count = Count { min: 0, max: 10_000_000, default: 65_536 };
    "events.keep" "--events-keep" "SAGGAR_EVENTS_KEEP" [], "N" ["events.kept", "events.size", "keep_events"],
    "How many of the latest events are stored for clients that reconnect.";

    // The largest limits of file descriptors allow this many.
    http_connections: Count = Count { min: 1, max: 1_000_000, default: 4096 };
    "http.connections" "--http-connections" "SAGGAR_HTTP_CONNECTIONS" [], "N" ["http.max_connections"],
    "Maximum number of HTTP connections. Beyond it, a connection without a request is closed; if all have one, \
     new connections wait.";

    // More than half because a proxy has one address.
    http_address_share: Fraction = Fraction { default: 0.75 };
    "http.address_share" "--http-address-share" "SAGGAR_HTTP_ADDRESS_SHARE" [], "SHARE"
    ["http.per_address", "http.connections_per_ip", "http.max_per_ip"],
    "The fraction of these that one client address may have; further connections from it are refused.";

    // 0 for a host that serves no event streams; the maximum is half of the largest number of connections.
    http_streams: Count = Count { min: 0, max: 500_000, default: 2048 };
    "http.streams" "--http-streams" "SAGGAR_HTTP_STREAMS" [], "N" ["http.followers", "http.event_streams"],
    "How many of these may follow events or a log, or wait for a job; at most half, so that ordinary requests get \
     one.";

    // A limit below one second would cut off legitimate clients far away; after ten minutes a client is gone.
    http_head_time: TimeSpan
        = TimeSpan { min: Duration::from_secs(1), max: Duration::from_secs(600), default: Duration::from_secs(30) };
    "http.head_time" "--http-head-time" "SAGGAR_HTTP_HEAD_TIME" [], "DURATION"
    ["http.timeout", "http.idle", "http.keep_alive"],
    "How long the head of a request may take, and how long a connection may be idle between requests; the first \
     head of a connection has at most 5s.";

    // The limits of `http.head_time`, for the same reasons.
    http_write_time: TimeSpan
        = TimeSpan { min: Duration::from_secs(1), max: Duration::from_secs(600), default: Duration::from_secs(30) };
    "http.write_time" "--http-write-time" "SAGGAR_HTTP_WRITE_TIME" [], "DURATION" ["http.send_time", "http.slow"],
    "How long a client may stop reading a response before its connection is closed.";

    // The HTTP library needs at least 8 KiB; a megabyte of headers is an attack.
    http_head_bytes: Bytes = Bytes { min: 8192, max: 1 << 20, default: 64 * 1024 };
    "http.head_bytes" "--http-head-bytes" "SAGGAR_HTTP_HEAD_BYTES" [], "BYTES" ["http.max_head", "http.header_bytes"],
    "Maximum size of a request's head.";

    // Browsers need at least 16.
    http_headers: Count = Count { min: 16, max: 1000, default: 100 };
    "http.headers" "--http-headers" "SAGGAR_HTTP_HEADERS" [], "N" ["http.max_headers"],
    "Maximum number of headers of a request.";

    log_level: LogFilter = LogFilter { default: "info" };
    "log.level" "--log-level" "SAGGAR_LOG_LEVEL" ["RUST_LOG"], "LEVEL" ["log_level", "verbosity", "log.filter"],
    "Level of the host's own log on standard error: error, warn, info, debug, trace or off, or levels by module \
     such as info,saggar_worker=debug.";

    log_format: Choice<LogFormat> = Choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    "log.format" "--log-format" "SAGGAR_LOG_FORMAT" [], "FORMAT" ["log_format", "log.json"],
    "Format of the host's own log: text for people, or json, one object per line.";

    audit_log: Switch = Switch { default: false };
    "audit.log" "--audit-log" "SAGGAR_AUDIT_LOG" [], "WHETHER" ["audit_log", "log.audit", "audit"],
    "Whether each entry of the audit is also written to the log, at the target saggar::audit, whatever the level: \
     true or false.";

    otlp_endpoint: OtlpEndpoint = OtlpEndpoint;
    "otlp.endpoint" "--otlp-endpoint" "SAGGAR_OTLP_ENDPOINT" ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"],
    "URL"
    ["otlp_endpoint", "otel.endpoint", "traces.endpoint", "tracing.endpoint", "otlp.url"],
    "URL of an OTLP/HTTP collector that receives traces. Without it, none are sent.";

    otlp_sample: Fraction = Fraction { default: 1.0 };
    "otlp.sample" "--otlp-sample" "SAGGAR_OTLP_SAMPLE" [], "SHARE" ["otlp.ratio", "otlp.sampling", "otlp.rate"],
    "Fraction of the jobs that is traced. A job that is added with a trace context follows that context.";

    // Tracing tools show the name in a column.
    otlp_service_name: ServiceName = ServiceName { default: "saggar", max_chars: 100 };
    "otlp.service_name" "--otlp-service-name" "SAGGAR_OTLP_SERVICE_NAME" ["OTEL_SERVICE_NAME"], "NAME"
    ["otlp.service", "otlp.name", "otel.service_name"],
    "The host's name in traces.";
}
