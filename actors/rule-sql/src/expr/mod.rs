//! Compiled expressions.
//!
//! Columns are looked up once, when a row comes in; from then on an expression reads them by number. Nothing here looks
//! at a name while a rule runs, except where the language itself does (`->`, metadata).

mod frame;
mod like;
mod node;
mod ops;
mod row;
mod walk;

pub use frame::{Frame, Shared, WindowRange};
pub use like::LikePattern;
pub use node::{All, Ask, Node};
pub use row::{ColumnRef, Places, Row, Tuple, places, places_like};

pub(crate) use ops::{compare, truth};
