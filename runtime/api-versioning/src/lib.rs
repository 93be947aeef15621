//! Versions of an HTTP API, with the readers, codes and headers of ASP.NET API Versioning.
//!
//! A client names the version in the path (`/api/v1/cameras`), the query (`?api-version=1.0`), the header `api-version` or a
//! media type (`; v=1.0`). What this crate promises:
//!
//! | the request names | answer |
//! |---|---|
//! | none, and the path is the same in all versions | that path |
//! | none, and a version is assumed | the assumed version |
//! | none | 400 `ApiVersionUnspecified` |
//! | what is no version | 400 `InvalidApiVersion`; 404 when it stands in the path |
//! | two that differ | 400 `AmbiguousApiVersion`; the same twice is fine, and `1` is the same as `1.0` |
//! | one that the path is not in | 400 `UnsupportedApiVersion`; 404 from the path; from media types alone 415 with a `Content-Type`, else 406 |
//! | a path of no version | 404 |
//!
//! Every answer tells `api-supported-versions` and `api-deprecated-versions` of its path; an answer of a deprecated version tells
//! `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a `Link`, and works.

mod api;
mod asked;
mod policy;
mod problem;
mod routes;
mod version;

pub use api::VersionedApi;
pub use asked::{Asked, MEDIA_PARAMETER, NAME, Place, Wish};
pub use policy::Policy;
pub use problem::{Code, Refusal};
pub use routes::Routes;
pub use version::{ApiVersion, NoVersion};
