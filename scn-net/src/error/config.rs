//! Settings that are refused.

use super::net::NetError;

/// A setting that does not exist, is out of range, or contradicts another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML, an unknown key, or a value of another type.
    #[error("{message}")]
    Syntax {
        /// What the parser says, with the place.
        message: String,
    },
    /// `key=value` with a key that is not a setting, or a value that does not fit it.
    #[error("cannot set {key} to {value}: {message}")]
    Set {
        /// Dotted key.
        key: String,
        /// Value as given.
        value: String,
        /// What is wrong.
        message: String,
    },
    /// A value out of range.
    #[error("{key} must be {expected}, but is {found}")]
    Range {
        /// Dotted key.
        key: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// No such preset.
    #[error("there is no preset {found}; there are {choices}")]
    Preset {
        /// Name given.
        found: String,
        /// All names.
        choices: String,
    },
    /// A network that cannot be built from valid settings.
    #[error(transparent)]
    Net(#[from] NetError),
}
