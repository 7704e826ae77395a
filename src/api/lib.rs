//! Room `api`: REST over HTTP; the only room that is async.
//!
//! | Module | Does |
//! |---|---|
//! | [`contract`] | the wire types, from and to the nouns; the command line prints them too |
//! | [`error`] | errors as answers |
//! | [`guard`] | request ids, who may ask, security headers, one log line a request |
//! | [`reading`] | what routes read from a collection's store |
//! | [`routes`] | one file a resource |
//! | [`server`] | the application, its OpenAPI document, and serving it |
//! | [`state`] | what the server works with |

pub mod contract;
mod error;
mod guard;
mod reading;
mod routes;
mod server;
mod state;

pub use error::ApiError;
pub use routes::configure;
pub use server::{app, openapi, run};
pub use state::{ApiState, Dashboard, File, ListenError, check_listen};
