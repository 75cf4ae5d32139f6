//! Why an attempt that was to be recorded has no record.

/// The reason, a label of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotRecorded {
    /// What it asked for exceeds the limit of a record.
    TooLarge,
    /// The task has used up its rate of new records.
    TooMany,
    /// The store did not take the record.
    NotStored,
}

impl NotRecorded {
    pub(crate) const ALL: [Self; 3] = [Self::TooLarge, Self::TooMany, Self::NotStored];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::TooMany => "too-many",
            Self::NotStored => "not-stored",
        }
    }

    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::TooLarge => "what it asked for has more than 4 MiB",
            Self::TooMany => "the task has had many records lately",
            Self::NotStored => "the store did not take its record",
        }
    }
}
