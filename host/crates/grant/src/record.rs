//! Which attempts are recorded, so that they can be run again.

/// Which attempts of a task are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RecordPolicy {
    /// Those that failed.
    #[default]
    Failures,
    /// All.
    All,
    /// None.
    Off,
    /// As many of a million attempts as this, chosen at random.
    PerMillion(u32),
}

impl RecordPolicy {
    /// The number of attempts of which a share is a part.
    pub const MILLION: u32 = 1_000_000;

    /// Returns the policy that records a share of attempts, from 0 to 1.
    pub fn share(share: f64) -> Self {
        Self::PerMillion((share.clamp(0.0, 1.0) * f64::from(Self::MILLION)).round() as u32)
    }

    /// Returns the share of attempts that are recorded whatever their outcome, from 0 to 1.
    pub fn as_share(self) -> f64 {
        match self {
            Self::Failures | Self::Off => 0.0,
            Self::All => 1.0,
            Self::PerMillion(count) => f64::from(count) / f64::from(Self::MILLION),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_kept_to_a_millionth() {
        for (share, kept) in [(0.0, 0.0), (0.25, 0.25), (0.000_001, 0.000_001), (1.0, 1.0), (7.0, 1.0), (-1.0, 0.0)] {
            assert_eq!(RecordPolicy::share(share).as_share(), kept, "{share}");
        }
    }
}
