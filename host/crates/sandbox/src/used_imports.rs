//! Which interfaces of the contract a guest called during a call.

/// An interface that guests import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Import {
    Context,
    Progress,
    Log,
    Tasks,
    Kv,
    /// `saggar:task/http`, or `wasi:http`.
    Http,
}

impl Import {
    const ALL: [Self; 6] = [Self::Context, Self::Progress, Self::Log, Self::Tasks, Self::Kv, Self::Http];

    fn name(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Progress => "progress",
            Self::Log => "log",
            Self::Tasks => "tasks",
            Self::Kv => "kv",
            Self::Http => "http",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of interfaces of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsedImports(u8);

impl UsedImports {
    pub(crate) fn insert(&mut self, import: Import) {
        self.0 |= import.bit();
    }

    /// Returns the names of the interfaces, such as `progress`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Import::ALL.into_iter().filter(move |import| self.0 & import.bit() != 0).map(Import::name)
    }

    /// Returns the interfaces of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_names_each_interface_once() {
        let mut used = UsedImports::default();
        assert_eq!(used.names().count(), 0);
        for import in [Import::Tasks, Import::Context, Import::Tasks] {
            used.insert(import);
        }
        assert_eq!(used.names().collect::<Vec<_>>(), ["context", "tasks"]);
        let mut other = UsedImports::default();
        other.insert(Import::Log);
        assert_eq!(used.union(other).names().collect::<Vec<_>>(), ["context", "log", "tasks"]);
    }
}
