//! The settings of `config.toml`, told to a person: with the values of a run, as a document, and as
//! a manual page. All of it is made from the types that parse them (`scn_net::RunConfig`), so that a
//! new setting needs no line here.

mod annotated;
#[cfg(test)]
mod document;
mod manual;
mod prose;
mod setting;
mod value;

pub(crate) use self::annotated::annotated;
pub(crate) use self::manual::page;
