//! Degrees of access. The greater one includes the lesser one.

/// What may be done with stored values or files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Look at them.
    Read,
    /// Look at them and change them.
    Write,
}

impl Access {
    /// Returns the word for it in task files and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// Returns whether changes are allowed.
    pub fn is_write(self) -> bool {
        self == Self::Write
    }
}

/// Which jobs the guests of a task may look up and cancel, besides the job that a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobAccess {
    /// Those that a job of the task added.
    Added,
    /// All jobs of its app.
    All,
}

impl JobAccess {
    /// Returns the word for it in task files and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::All => "all",
        }
    }
}
