//! Invalid settings.

use super::net::NetError;

/// A setting that does not exist, is out of range, or contradicts another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Text that is not TOML, an unknown key, or a value of the wrong type.
    #[error("{message}")]
    Syntax {
        /// The parser's message, with the position.
        message: String,
    },
    /// A setting `key=value` whose key does not exist, or whose value does not fit it.
    #[error("cannot set {key} to {value}: {message}")]
    Set {
        /// The dotted key.
        key: String,
        /// The value given.
        value: String,
        /// The reason.
        message: String,
    },
    /// A value out of range.
    #[error("{key} must be {expected}, but is {found}")]
    Range {
        /// The dotted key.
        key: String,
        /// The allowed values.
        expected: String,
        /// The value given.
        found: String,
    },
    /// A preset that does not exist.
    #[error("there is no preset {found}; choose one of {choices}")]
    Preset {
        /// The name given.
        found: String,
        /// The names of all presets.
        choices: String,
    },
    /// A network that cannot be built although its settings are valid.
    #[error(transparent)]
    Net(#[from] NetError),
}
