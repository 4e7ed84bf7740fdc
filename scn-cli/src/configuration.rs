//! Documentation of the settings in `config.toml`: a file with comments, a document and a manual
//! page.
//!
//! All of it is generated from the types that parse the settings (`scn_net::RunConfig`), so a new
//! setting needs no change here.

mod annotated;
#[cfg(test)]
mod document;
mod manual;
mod prose;
mod setting;
mod value;

pub(crate) use self::annotated::annotated;
pub(crate) use self::manual::page;
